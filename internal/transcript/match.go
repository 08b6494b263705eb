package transcript

import "strings"

// open stands for text that the document leaves open.
const open = "..."

// matches reports whether output is what a document shows.
func matches(want, got string) bool {
	return matchLines(lines(want), lines(got))
}

// matchLines tries for each open line of want ever more lines of got.
func matchLines(want, got []string) bool {
	for i, w := range want {
		if w == open {
			rest := want[i+1:]
			for j := i; j <= len(got); j++ {
				if matchLines(rest, got[j:]) {
					return true
				}
			}
			return false
		}
		if i >= len(got) || !matchLine(w, got[i]) {
			return false
		}
	}
	return len(want) == len(got)
}

// matchLine compares one line, parts left open included.
func matchLine(want, got string) bool {
	parts := strings.Split(want, open)
	if len(parts) == 1 {
		return want == got
	}
	first, last := parts[0], parts[len(parts)-1]
	if !strings.HasPrefix(got, first) {
		return false
	}
	got = got[len(first):]
	for _, part := range parts[1 : len(parts)-1] {
		_, behind, ok := strings.Cut(got, part)
		if !ok {
			return false
		}
		got = behind
	}
	return strings.HasSuffix(got, last)
}

// lines splits text at its newlines; the last line may lack its own.
func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
