package syscalls

// purpose is a group of calls that do the same sort of thing.
type purpose struct{ name, text string }

// Purpose is the group that the named call is in by what it is for, one of
// [Purposes], as in "files" for openat; "" for an unknown name. It is for
// people to find their way in a long list: calls of one group are neither
// equally harmless nor replacements for each other.
func Purpose(name string) string {
	id, ok := lookup(name)
	if !ok {
		return ""
	}
	return purposes[purposeOf[id]].name
}

// Purposes lists the groups in the order in which a profile lists its calls:
// what nearly every program needs first, what few may have last.
func Purposes() []string {
	names := make([]string, len(purposes))
	for i, p := range purposes {
		names[i] = p.name
	}
	return names
}

// PurposeText says on one line, in lower case and without a full stop, what
// the calls of a group are for; "" for what is no group.
func PurposeText(group string) string {
	for _, p := range purposes {
		if p.name == group {
			return p.text
		}
	}
	return ""
}
