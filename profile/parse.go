package profile

import (
	"fmt"
	"io"
)

// Parse reads a document as the given engine reads it. file is its name in
// diagnostics and origins.
//
// The diagnostics are all that is to be said about the document, in its
// order. Where a [Failure] is among them, because Docker (or the engine
// given) or the runtime behind it would refuse the document, the profile is
// nil and the error is an *[Error].
//
// The document is a profile, or an OCI config.json that has one at
// linux.seccomp. One that has none there, or null, is a container without a
// filter, like the profile {}.
func Parse(file string, data []byte, engine Engine) (*Profile, Diagnostics, error) {
	r := &reporter{file: file}
	p := parse(r, data, engine)
	found := r.sorted()
	if err := found.err(); err != nil {
		return nil, found, err
	}
	return p, found, nil
}

// Read is [Parse] of all that r has. It reads no more than [MaxSize] bytes
// and one. An error of r is returned as it is.
func Read(file string, r io.Reader, engine Engine) (*Profile, Diagnostics, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxSize+1))
	if err != nil {
		return nil, nil, fmt.Errorf("reading %s: %w", file, err)
	}
	return Parse(file, data, engine)
}

func parse(r *reporter, data []byte, engine Engine) *Profile {
	root, ok := parseTree(r, data, engine.facts().yajl)
	if !ok {
		return nil
	}
	p := &Profile{File: r.file}
	n, none := seccompOf(&root)
	p.None = none || n.kind == kindNull || engine.facts().yajl && n.kind != kindObject
	(&decoder{reporter: r, engine: engine}).profile(n, p)
	(&checker{reporter: r, engine: engine, facts: engine.facts()}).profile(p)
	return p
}

// seccompOf is the profile of an OCI config.json, and any other document as
// it is. A config.json is told by "ociVersion", which its specification
// demands, or by an object at "linux", which no profile has.
func seccompOf(root *node) (n *node, none bool) {
	linux := member(root, "linux")
	if linux == nil || linux.kind != kindObject {
		if member(root, "ociVersion") == nil {
			return root, false
		}
		return &node{kind: kindObject, at: root.at}, true
	}
	if s := member(linux, "seccomp"); s != nil && s.kind != kindNull {
		return s, false
	}
	return &node{kind: kindObject, at: linux.at}, true
}

// member is the value of a key of an object, nil where there is none.
func member(n *node, key string) *node {
	if n.kind != kindObject {
		return nil
	}
	for i := 0; i < len(n.elems); i += 2 {
		if n.elems[i].text == key {
			return &n.elems[i+1]
		}
	}
	return nil
}
