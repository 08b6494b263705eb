package main

import (
	"github.com/callgate/callgate/policy"
	"github.com/callgate/callgate/seccomp"
)

// The form of differences for programs.
type (
	differenceJSON struct {
		Arch      string      `json:"arch,omitempty"` // none where no known ABI has the value
		AuditArch uint32      `json:"audit_arch"`
		OtherArch bool        `json:"other_arch,omitempty"` // audit_arch is one example of many
		Calls     []string    `json:"calls"`
		Numbers   [][2]uint32 `json:"numbers"` // ranges
		Truncated bool        `json:"truncated,omitempty"`
		A         answerJSON  `json:"a"`
		B         answerJSON  `json:"b"`
		Always    bool        `json:"always"`
		Witness   callJSON    `json:"witness"`
	}
	answerJSON struct {
		Action string `json:"action"`
		Data   uint16 `json:"data"`
		// What decides, for two readings of one profile.
		Engine string `json:"engine,omitempty"`
		By     string `json:"by,omitempty"`
		Origin string `json:"origin,omitempty"`
		Rule   string `json:"rule,omitempty"`
		// Why the rule of the other side matches and does not decide.
		Why string `json:"why,omitempty"`
	}
	// callJSON can be given to eval.
	callJSON struct {
		Arch uint32    `json:"arch"`
		NR   uint32    `json:"nr"`
		Args [6]uint64 `json:"args"`
		IP   uint64    `json:"ip"`
	}
)

func (c comparison) json(list []policy.Difference) []differenceJSON {
	out := make([]differenceJSON, 0, len(list))
	for _, d := range list {
		j := differenceJSON{
			AuditArch: d.Arch, OtherArch: d.OtherArch, Calls: numbers(d), Truncated: d.Truncated, Always: d.Always,
			A:       c.answerJSON(c.a, d.Call, d.A, c.b, d.B),
			B:       c.answerJSON(c.b, d.Call, d.B, c.a, d.A),
			Witness: jsonOfCall(d.Call),
		}
		if d.ABI != 0 {
			j.Arch = d.ABI.String()
		}
		for _, r := range d.Numbers {
			j.Numbers = append(j.Numbers, [2]uint32{r.Low, r.High})
		}
		out = append(out, j)
	}
	return out
}

func (c comparison) answerJSON(s side, call seccomp.Data, answer seccomp.Action, other side, otherAnswer seccomp.Action) answerJSON {
	j := answerJSON{Action: answer.KindName(), Data: answer.Data()}
	if c.readings {
		o := s.reason(call, answer)
		j.Engine, j.By, j.Origin, j.Rule = s.label, o.by, o.origin.String(), o.rule
		j.Why = s.fails(call, other.reason(call, otherAnswer))
	}
	return j
}
