package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"go/format"

	"github.com/spf13/cobra"

	"github.com/callgate/callgate/bpf"
	"github.com/callgate/callgate/compile"
	"github.com/callgate/callgate/internal/draw"
	"github.com/callgate/callgate/internal/source"
	"github.com/callgate/callgate/seccomp"
	"github.com/callgate/callgate/syscalls"
)

func newCompile(t *terminal) *cobra.Command {
	v := &compileVerb{terminal: t}
	cmd := &cobra.Command{
		Use:     "compile POLICY",
		GroupID: groupFilter,
		Short:   "Make the filter that is exactly a policy",
		Long: `Make the filter that is exactly a policy: it is turned back into a policy and
compared before it is written.

  --emit raw    an array of struct sock_filter, in the byte order of --arch
  --emit asm    text, as "callgate disasm" prints it
  --emit c      an array and a struct sock_fprog in C
  --emit go     a value of type bpf.Program in Go
  --emit json   an array of {"code","jt","jf","k"}
  --emit dot    a decision tree for graphviz
  --emit svg    the same as a picture: which test leads where, and which calls
                come to each action

The ways to all calls are short, and most so to those whose arguments are asked
about. With --weights they are to the calls that a workload makes often: FILE is
an observation, as "callgate record -o FILE.obs" writes it, or a table of
strace -c, or has lines "NAME COUNT" or "NUMBER COUNT" for the ABI of --arch.

--stats and --dump tell of the filter, which is then written only where -o says.`,
		Example: `  callgate compile docker:default -o docker.bpf
  callgate compile web.json --emit asm
  callgate compile web.json --emit c --arch aarch64 -o filter.h
  callgate compile web.json --emit svg -o filter.svg
  callgate compile web.json --weights web.obs --stats -o web.bpf
  callgate compile web.json --dump place`,
		Args: arguments("POLICY"),
		RunE: func(cmd *cobra.Command, args []string) error {
			v.emits = cmd.Flags().Changed("emit")
			return v.run(args[0])
		},
	}
	v.env.register(cmd)
	v.env.registerReading(cmd, false)
	choose(cmd, &v.emit, "emit", "what to write", "raw", "asm", "c", "go", "json", "dot", "svg")
	outputFlag(cmd, &v.output)
	choose(cmd, &v.optimize, "optimize", "what the filter is to be good at", "speed", "size", "none")
	cmd.Flags().StringVar(&v.weights, "weights", "", "lay it out for the calls that were counted in `FILE`")
	_ = cmd.MarkFlagFilename("weights")
	cmd.Flags().BoolVar(&v.stats, "stats", false, "tell how large and how fast the filter is")
	v.format.register(cmd)
	v.registerDump(cmd)
	return cmd
}

// compileVerb is one use of the verb compile.
type compileVerb struct {
	terminal *terminal
	env      envFlags
	emit     string
	emits    bool // --emit was given
	output   string
	optimize string
	weights  string
	stats    bool
	format   outputFormat
	dump     string // the pass, "" for none
}

// goals are the words of --optimize.
var goals = map[string]compile.Goal{"speed": compile.Speed, "size": compile.Size, "none": compile.Unchanged}

func (v *compileVerb) run(name string) error {
	if err := v.check(name); err != nil {
		return err
	}
	w := stopwatch{}
	w.start()
	p, src, err := v.env.policy(v.terminal, name)
	if err != nil {
		return err
	}
	w.stop("read", "the policy becomes a diagram")
	order := v.env.arch.abi.ByteOrder()
	o := compile.Options{ByteOrder: order, Optimize: goals[v.optimize]}
	if o.Weights, err = v.readWeights(); err != nil {
		return err
	}
	var dumped []byte
	o.After = func(s compile.Stage) {
		w.stop(s.Name, s.Why)
		if s.Name == v.dump {
			dumped = s.Append(nil, v.listing())
		}
		w.start()
	}
	w.start()
	program, err := compile.Compile(p, o)
	if err != nil {
		return &source.Error{Name: src.Name, Err: err}
	}
	v.warnOfWeights(p, o.Weights)
	switch {
	case v.stats:
		err = v.printStats(p, program, o.Weights, w.stages)
	case v.dump == "place":
		err = v.printPlaced(p, program, dumped)
	case v.dump != "":
		err = v.printDump(dumped)
	}
	if err != nil || v.output == "" && v.tells() {
		return err
	}
	return v.write(program, src.Name)
}

// check finds flags that do not go together.
func (v *compileVerb) check(name string) error {
	switch {
	case v.stats && v.dump != "":
		return usagef("want one of them", "--stats and --dump both write to standard output")
	case v.tells() && v.output == "-":
		return usagef("name a file for the filter, or leave -o out", "%s and the filter cannot both be on standard output", v.teller())
	case v.tells() && v.output == "" && v.emits:
		hint := "say where with -o FILE"
		if v.stats && v.emit == "json" {
			hint += "; the numbers are JSON with --format json"
		}
		return usagef(hint, "with %s nothing is written that --emit could be about", v.teller())
	case v.format == formatJSON && !v.stats:
		return usagef("the filter itself is JSON with --emit json", "--format json is for --stats")
	case v.weights != "" && v.optimize == "none":
		return usagef("leave one out", "--optimize none does not look at --weights")
	case v.weights == "-" && name == "-":
		return usagef("name a file", "the policy and the weights cannot both be on stdin")
	}
	return nil
}

// tells reports whether it is told of the filter, on standard output.
func (v *compileVerb) tells() bool { return v.stats || v.dump != "" }

// teller is the flag that asks for that.
func (v *compileVerb) teller() string {
	if v.stats {
		return "--stats"
	}
	return "--dump"
}

// write writes the filter of a policy of the given name.
func (v *compileVerb) write(program bpf.Program, name string) error {
	abi := v.env.arch.abi
	if v.emit == "raw" {
		return v.terminal.write(v.output, bpf.Encode(program, abi.ByteOrder()), true)
	}
	text, err := emitters[v.emit](program, name, abi)
	if err != nil {
		return err
	}
	return v.terminal.write(v.output, text, false)
}

// emitters write a program, made from a policy of the given name, as text.
var emitters = map[string]func(p bpf.Program, name string, abi seccomp.ABI) ([]byte, error){
	"asm":  emitAsm,
	"c":    emitC,
	"go":   emitGo,
	"json": func(p bpf.Program, _ string, _ seccomp.ABI) ([]byte, error) { return emitJSON(p), nil },
	"dot":  picture(draw.DOT),
	"svg":  picture(draw.SVG),
}

// picture is the emitter of a drawing.
func picture(form func(bpf.Program, draw.Options) ([]byte, error)) func(bpf.Program, string, seccomp.ABI) ([]byte, error) {
	return func(p bpf.Program, name string, abi seccomp.ABI) ([]byte, error) {
		return form(p, draw.Options{Title: head(p, name, abi), ABI: abi})
	}
}

func emitAsm(p bpf.Program, _ string, abi seccomp.ABI) ([]byte, error) {
	return bpf.Listing{Syscall: syscalls.Name, ABI: abi}.Append(nil, p), nil
}

// head is the comment at the top of generated source: one line.
func head(p bpf.Program, name string, abi seccomp.ABI) string {
	order := "little-endian"
	if abi.ByteOrder() == binary.ByteOrder(binary.BigEndian) {
		order = "big-endian"
	}
	return fmt.Sprintf("The seccomp filter of %q: %d instructions, %s.", name, len(p), order)
}

func emitC(p bpf.Program, name string, abi seccomp.ABI) ([]byte, error) {
	var b bytes.Buffer
	// A name with a slash behind a star must not end the comment.
	comment := bytes.ReplaceAll([]byte(head(p, name, abi)), []byte("*/"), []byte("* /"))
	fmt.Fprintf(&b, "/* Code generated by callgate compile; DO NOT EDIT. */\n/* %s */\n", comment)
	b.WriteString("#include <linux/filter.h>\n\nstatic struct sock_filter filter[] = {\n")
	for _, i := range p {
		fmt.Fprintf(&b, "\t{ 0x%02x, %3d, %3d, 0x%08x }, /* %v */\n", i.Code, i.JT, i.JF, i.K, i)
	}
	b.WriteString("};\n\nstatic const struct sock_fprog filter_program = {\n" +
		"\t.len = sizeof(filter) / sizeof(filter[0]),\n\t.filter = filter,\n};\n")
	return b.Bytes(), nil
}

func emitGo(p bpf.Program, name string, abi seccomp.ABI) ([]byte, error) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "// Code generated by callgate compile; DO NOT EDIT.\n\npackage filter\n\n")
	b.WriteString("import \"github.com/callgate/callgate/bpf\"\n\n")
	fmt.Fprintf(&b, "// Program is a filter for kernel.Install.\n// %s\nvar Program = bpf.Program{\n", head(p, name, abi))
	for _, i := range p {
		fmt.Fprintf(&b, "\t{Code: 0x%02x, JT: %d, JF: %d, K: 0x%08x}, // %v\n", i.Code, i.JT, i.JF, i.K, i)
	}
	b.WriteString("}\n")
	return format.Source(b.Bytes())
}

// emitJSON writes a program as an array with an instruction on each line.
func emitJSON(p bpf.Program) []byte {
	var b bytes.Buffer
	b.WriteString("[\n")
	for n, i := range p {
		comma := ","
		if n == len(p)-1 {
			comma = ""
		}
		fmt.Fprintf(&b, "  {\"code\":%d,\"jt\":%d,\"jf\":%d,\"k\":%d}%s\n", i.Code, i.JT, i.JF, i.K, comma)
	}
	b.WriteString("]\n")
	return b.Bytes()
}
