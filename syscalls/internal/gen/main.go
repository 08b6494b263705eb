// Command gen turns the table of system calls into Go.
//
//	gen table.tsv tables.go
//
// The output depends on the table alone and is the same, byte for byte, at
// every run. It consists of constants and of arrays that the linker lays out:
// a program that imports them pays nothing at start-up.
package main

import (
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: gen TABLE OUTPUT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(table, output string) error {
	text, err := os.ReadFile(table)
	if err != nil {
		return err
	}
	calls, err := parse(table, string(text))
	if err != nil {
		return err
	}
	code, err := emit(calls)
	if err != nil {
		return err
	}
	return os.WriteFile(output, code, 0o644)
}
