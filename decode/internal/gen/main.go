// Command gen makes the Go tables of package decode from its text tables. It
// is run by "go generate ./decode", in the directory of that package.
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run() error {
	constants, err := os.ReadFile("constants.txt")
	if err != nil {
		return err
	}
	calls, err := os.ReadFile("calls.txt")
	if err != nil {
		return err
	}
	source, err := Generate(string(constants), string(calls))
	if err != nil {
		return err
	}
	return os.WriteFile("tables.go", source, 0o644)
}

// Generate returns the Go source of the tables, or the first mistake of a text
// table with its line.
func Generate(constants, calls string) ([]byte, error) {
	groups, err := parseConstants(constants)
	if err != nil {
		return nil, fmt.Errorf("constants.txt:%w", err)
	}
	rows, err := parseCalls(calls, groups)
	if err != nil {
		return nil, fmt.Errorf("calls.txt:%w", err)
	}
	return emit(groups, rows)
}
