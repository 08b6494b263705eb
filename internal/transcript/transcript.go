// Package transcript holds documents to the truth: it runs the terminal
// sessions that a Markdown document shows and compares what they print with
// what the document says.
//
// A session is a fenced block of the language "console": a line that starts
// with "$ " is a command for sh, lines behind it that start with "> " continue
// it, and what follows is its output, that of standard error included. The
// commands of a block run in one shell, those of a document in one scratch
// folder, which at first holds the files that lie beside the document. In
// expected output "..." stands for any text, and as a line of its own for any
// number of lines.
//
// A fenced block whose language is followed by a name, as in "json web.json",
// is a file: it is written into the scratch folder when its turn comes.
//
// HTML comments directly above a session, which readers do not see, say more:
//
//	<!-- needs: docker busybox -->   skipped where one of these is missing
//	<!-- sample: the kernel's own --> run, but the output may differ
package transcript

import (
	"fmt"
	"strings"
)

// block is a fenced block of a document that means something here.
type block struct {
	line   int    // of the opening fence, from 1
	file   string // the name of the file that it is, or empty for a session
	text   string // the content of the file
	steps  []step
	needs  []string
	sample bool
}

// step is a command with the output that the document shows.
type step struct {
	line       int // of the command, from 1
	command    string
	want       string // lines, each with its newline
	start, end int    // the lines of want: from start to before end, from 1
}

const fence = "```"

// parse returns the blocks of a document in their order.
func parse(doc string) ([]block, error) {
	var blocks []block
	var notes []string
	lines := strings.Split(doc, "\n")
	for i := 0; i < len(lines); i++ {
		if strings.HasPrefix(lines[i], "<!--") {
			notes = append(notes, lines[i])
			continue
		}
		info, ok := strings.CutPrefix(lines[i], fence)
		if !ok {
			notes = nil
			continue
		}
		end := i + 1
		for end < len(lines) && lines[end] != fence {
			end++
		}
		if end == len(lines) {
			return nil, fmt.Errorf("line %d: the block has no end", i+1)
		}
		b, err := parseBlock(info, lines[i+1:end], i+1)
		if err == nil {
			err = b.note(notes)
		}
		if err != nil {
			return nil, err
		}
		if b.file != "" || b.steps != nil {
			blocks = append(blocks, b)
		}
		i, notes = end, nil
	}
	return blocks, nil
}

// parseBlock reads the lines of one block, the first of which is line+1 of
// the document.
func parseBlock(info string, lines []string, line int) (block, error) {
	b := block{line: line}
	switch words := strings.Fields(info); {
	case len(words) == 2:
		b.file, b.text = words[1], strings.Join(lines, "\n")+"\n"
	case len(words) == 1 && words[0] == "console":
		return b, b.session(lines)
	}
	return b, nil
}

// session reads commands and their output.
func (b *block) session(lines []string) error {
	for i, text := range lines {
		at := b.line + 1 + i
		if command, ok := strings.CutPrefix(text, "$ "); ok {
			b.steps = append(b.steps, step{line: at, command: command, start: at + 1, end: at + 1})
			continue
		}
		if len(b.steps) == 0 {
			return fmt.Errorf(`line %d: a session starts with a command, as in "$ callgate doctor"`, at)
		}
		s := &b.steps[len(b.steps)-1]
		if more, ok := strings.CutPrefix(text, "> "); ok && s.want == "" {
			s.command += "\n" + more
			s.start = at + 1
		} else {
			s.want += text + "\n"
		}
		s.end = at + 1
	}
	return nil
}

// note takes in the comments above a block.
func (b *block) note(comments []string) error {
	for _, c := range comments {
		text := strings.TrimSpace(strings.TrimSuffix(strings.TrimPrefix(c, "<!--"), "-->"))
		key, value, _ := strings.Cut(text, ":")
		switch key {
		case "needs":
			b.needs = append(b.needs, strings.Fields(value)...)
		case "sample":
			b.sample = true
		default:
			return fmt.Errorf("line %d: the comment above says neither needs: nor sample:", b.line)
		}
	}
	return nil
}
