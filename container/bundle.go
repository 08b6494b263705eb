package container

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// CopyBundle makes a bundle in the empty folder dir for the container of a runc
// or crun command line, with a seccomp profile that edit makes of the one that
// its bundle has, which is nil where there is none. The root file system is
// that of the first bundle, and so is what its configuration says otherwise.
func (c *Command) CopyBundle(dir string, edit func(seccomp []byte) ([]byte, error)) error {
	from, err := filepath.Abs(c.Bundle)
	if err != nil {
		return err
	}
	name := c.Config
	if !filepath.IsAbs(name) {
		name = filepath.Join(from, name)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var doc map[string]any
	if err := decode(data, &doc); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := editSeccomp(doc, edit); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	makeAbsolute(doc, from)
	data, err = json.Marshal(doc)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "config.json"), data, 0o600)
}

// editSeccomp replaces linux.seccomp of a configuration.
func editSeccomp(doc map[string]any, edit func([]byte) ([]byte, error)) error {
	linux, _ := doc["linux"].(map[string]any)
	if linux == nil {
		linux = map[string]any{}
		doc["linux"] = linux
	}
	var old []byte
	if linux["seccomp"] != nil {
		var err error
		if old, err = json.Marshal(linux["seccomp"]); err != nil {
			return err
		}
	}
	changed, err := edit(old)
	if err != nil {
		return err
	}
	linux["seccomp"] = json.RawMessage(changed)
	return nil
}

// makeAbsolute makes the paths of a configuration independent of its folder.
func makeAbsolute(doc map[string]any, folder string) {
	under := func(m map[string]any, key string) {
		if path, ok := m[key].(string); ok && path != "" && !filepath.IsAbs(path) {
			m[key] = filepath.Join(folder, path)
		}
	}
	if root, ok := doc["root"].(map[string]any); ok {
		under(root, "path")
	}
	mounts, _ := doc["mounts"].([]any)
	for _, m := range mounts {
		mount, ok := m.(map[string]any)
		options, _ := mount["options"].([]any)
		if ok && (mount["type"] == "bind" || slices.Contains(options, any("bind")) || slices.Contains(options, any("rbind"))) {
			under(mount, "source")
		}
	}
}
