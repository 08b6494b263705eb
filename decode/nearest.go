package decode

import "strings"

// nearest is the name that takes the fewest edits to be made of text, in any
// case, or "" where that is more than a third of its letters. It costs the
// product of the lengths for each name.
func nearest(text string, names []string) string {
	best, edits := "", len(text)/3+1
	for _, name := range names {
		if d := distance(strings.ToUpper(text), strings.ToUpper(name)); d < edits {
			best, edits = name, d
		}
	}
	return best
}

// distance is the Levenshtein distance of a and b in bytes. No name is longer
// than 64 bytes, and a text that is does not come near to one.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return len(a) + len(b)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
