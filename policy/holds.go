package policy

import "github.com/callgate/callgate/seccomp"

// Holds is the set of calls for whose arguments c holds on an ABI, as
// [Condition.Holds] says of one.
func (s *Space) Holds(abi seccomp.ABI, c Condition) Node { return s.condition(abi, c, True, False) }
