package main

import (
	"fmt"
	"go/types"
	"os"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/exp/apidiff"
)

// change is one difference between two APIs.
type change struct {
	pkg    string // its path in the module
	object string // the package-level object, as package.Name; empty if the whole package was added or removed
	what   string
	breaks []string // the groups of users that must change their code
}

// String returns the change in one line.
func (c change) String() string {
	line := c.pkg + ": " + c.what
	if len(c.breaks) > 0 {
		line += "  <- breaks " + strings.Join(c.breaks, " and ")
	}
	return line
}

// The users of the API that a change may break.
const (
	importers    = "importers"
	stores       = "stores"
	implementers = "its implementations"
	clients      = "HTTP clients, if it is part of the HTTP API"
)

// since returns what changed from a listing to the code, ordered by package.
func (c code) since(l listing) ([]change, error) {
	old, err := c.read(l)
	if err != nil {
		return nil, err
	}
	obligations := storeInterfaces(old["ports"])
	for name := range storeInterfaces(c.public["ports"]) {
		obligations[name] = true
	}
	var changes []change
	for name, before := range old {
		now, ok := c.public[name]
		if !ok {
			changes = append(changes, change{pkg: name, what: "package removed", breaks: []string{importers}})
			continue
		}
		found := apidiff.Changes(before, now).Changes
		for _, f := range found {
			object := objectOf(f.Message)
			ch := change{pkg: name, object: before.Name() + "." + object, what: f.Message}
			if other := embedded(f.Message); other != "" {
				ch.object = other
			}
			if !f.Compatible {
				ch.breaks = broken(f.Message, before.Scope().Lookup(object), obligations[before.Path()+"."+object])
			}
			changes = append(changes, ch)
		}
		changes = append(changes, tagChanges(name, before, now)...)
	}
	for name := range c.public {
		if _, ok := old[name]; !ok {
			changes = append(changes, change{pkg: name, what: "package added"})
		}
	}
	slices.SortFunc(changes, func(a, b change) int {
		return strings.Compare(a.pkg+" "+a.what, b.pkg+" "+b.what)
	})
	return changes, nil
}

// objectOf returns the package-level object with which a message of apidiff begins: Name,
// Name.Member or (*Name).Method.
func objectOf(message string) string {
	message = strings.TrimPrefix(strings.TrimPrefix(message, "("), "*")
	return message[:strings.IndexFunc(message+":", func(r rune) bool { return strings.ContainsRune(".):,", r) })]
}

// embedded returns the interface of another package with which a message of apidiff begins, as
// package.Name, because it is embedded in one of this package, or "".
func embedded(message string) string {
	name, _, _ := strings.Cut(message, ": ")
	if strings.ContainsAny(name, " (") {
		return ""
	}
	slash := strings.LastIndex(name, "/")
	parts := strings.SplitN(name[slash+1:], ".", 3)
	if slash < 0 || len(parts) < 3 {
		return ""
	}
	return parts[0] + "." + parts[1]
}

// broken returns the groups of developers that an incompatible change affects. A new method of an
// interface breaks its implementations, and a removed method breaks its callers. Other changes break both.
func broken(message string, before types.Object, obligation bool) []string {
	if before == nil || !types.IsInterface(before.Type()) {
		return []string{importers}
	}
	who := implementers
	if obligation {
		who = stores
	}
	switch {
	case strings.HasSuffix(message, ": added"), strings.HasSuffix(message, "added unexported method"):
		return []string{who}
	case strings.HasSuffix(message, ": removed"):
		return []string{importers}
	}
	return []string{importers, who}
}

// tagChanges returns the fields with changed tags, which apidiff ignores.
func tagChanges(name string, before, now *types.Package) []change {
	var changes []change
	for _, object := range before.Scope().Names() {
		a, b := tags(before.Scope().Lookup(object)), tags(now.Scope().Lookup(object))
		for field, tag := range a {
			if other, ok := b[field]; ok && tag != other {
				changes = append(changes, change{
					pkg: name, object: before.Name() + "." + object, breaks: []string{clients},
					what: fmt.Sprintf("%s.%s: tag changed from `%s` to `%s`", object, field, tag, other),
				})
			}
		}
	}
	return changes
}

func tags(obj types.Object) map[string]string {
	found := map[string]string{}
	if obj == nil {
		return found
	}
	if s, ok := obj.Type().Underlying().(*types.Struct); ok {
		for i := range s.NumFields() {
			if s.Field(i).Exported() {
				found[s.Field(i).Name()] = s.Tag(i)
			}
		}
	}
	return found
}

// storeInterfaces returns the interfaces that a store implements: ports.Storage, and those of this
// module that its methods mention.
func storeInterfaces(ports *types.Package) map[string]bool {
	found := map[string]bool{}
	if ports == nil || ports.Scope().Lookup("Storage") == nil {
		return found
	}
	var visit func(types.Type)
	visit = func(t types.Type) {
		switch t := types.Unalias(t).(type) {
		case *types.Named:
			i, ok := t.Underlying().(*types.Interface)
			own := t.Obj().Pkg() != nil && strings.HasPrefix(t.Obj().Pkg().Path(), module+"/")
			if !ok || !own || found[nameOf(t)] {
				return
			}
			found[nameOf(t)] = true
			for e := range i.EmbeddedTypes() {
				visit(e)
			}
			for m := range i.Methods() {
				visit(m.Type())
			}
		case *types.Signature:
			for v := range t.Params().Variables() {
				visit(v.Type())
			}
			for v := range t.Results().Variables() {
				visit(v.Type())
			}
		}
	}
	visit(ports.Scope().Lookup("Storage").Type())
	return found
}

func nameOf(t *types.Named) string { return t.Obj().Pkg().Path() + "." + t.Obj().Name() }

// section is a part of the changelog.
type section string

// unreleased returns the section Unreleased of the changelog.
func unreleased(file string) (section, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read the changelog: %w", err)
	}
	_, after, found := strings.Cut("\n"+string(text), "\n## Unreleased\n")
	if !found {
		return "", fmt.Errorf("%s has no section \"## Unreleased\"", file)
	}
	before, _, _ := strings.Cut(after, "\n## ")
	return section(before), nil
}

// lacks returns the names that are missing in the section. It must name the object of a breaking
// change, like tokens.Ledger, and the object or the package of any other change, like core/tokens.
func (s section) lacks(changes []change) []string {
	var missing []string
	for _, c := range changes {
		byPackage := c.object == "" || len(c.breaks) == 0
		if byPackage && s.names(c.pkg) || c.object != "" && s.names(c.object) {
			continue
		}
		if c.object == "" {
			missing = append(missing, c.pkg)
		} else {
			missing = append(missing, c.object)
		}
	}
	slices.Sort(missing)
	return slices.Compact(missing)
}

func (s section) names(what string) bool {
	return regexp.MustCompile("(^|[^\\w./])" + regexp.QuoteMeta(what) + `($|[^\w/])`).MatchString(string(s))
}
