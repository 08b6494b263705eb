package bpf

import "fmt"

// String is i in the text form of [Program.String], with relative targets.
func (i Instruction) String() string {
	return fmt.Sprintf(".inst %#04x, %d, %d, %#x", i.Code, i.JT, i.JF, i.K)
}
