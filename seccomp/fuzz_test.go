package seccomp_test

import (
	"testing"

	. "github.com/callgate/callgate/seccomp"
)

// FuzzParse reads any text as each of the things that the package parses: what
// is accepted is written back as something that means the same.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"ALLOW", "SCMP_ACT_ERRNO(ENOSYS)", "trace(0xffff)", "0x12340007", "ERRNO(4096)", "KILL(",
		"EWOULDBLOCK", "0x26", "SCMP_ARCH_X86_64", "amd64", "6.18.44-fc", "3.-1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if a, err := ParseAction(text); err == nil {
			if again, err := ParseAction(a.String()); err != nil || again != a {
				t.Errorf("action %q is %v, which is %v, %v", text, a, again, err)
			}
		}
		if e, err := ParseErrno(text); err == nil {
			if again, err := ParseErrno(e.String()); err != nil || again != e {
				t.Errorf("errno %q is %v, which is %v, %v", text, e, again, err)
			}
		}
		if abi, err := ParseABI(text); err == nil {
			if again, err := ParseABI(abi.OCI()); err != nil || again != abi {
				t.Errorf("ABI %q is %v, which is %v, %v", text, abi, again, err)
			}
		}
		if v, err := ParseVersion(text); err == nil {
			if again, err := ParseVersion(v.String()); err != nil || again != v {
				t.Errorf("version %q is %v, which is %v, %v", text, v, again, err)
			}
		}
	})
}
