package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"slices"
	"strings"
	"testing"
)

// sources has the source texts of packages, by path in the module.
type sources map[string]string

// code type-checks the sources.
func (s sources) code(t *testing.T) code {
	t.Helper()
	c := code{public: map[string]*types.Package{}, others: map[string]*types.Package{}}
	for _, name := range slices.Sorted(maps.Keys(s)) { // imported packages come first
		positions := token.NewFileSet()
		file, err := parser.ParseFile(positions, name+".go", s[name], 0)
		if err != nil {
			t.Fatal(err)
		}
		checker := types.Config{Importer: &reader{code: c}}
		c.public[name], err = checker.Check(module+"/"+name, positions, []*ast.File{file}, nil)
		if err != nil {
			t.Fatal(err)
		}
		c.remember(c.public[name])
	}
	return c
}

func (s sources) listing(t *testing.T) listing {
	t.Helper()
	l, err := s.code(t).listing()
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestListing(t *testing.T) {
	l := sources{
		"core/a": `package a; type ID [16]byte`,
		"core/b": "package b\n" + `import "github.com/cicerone-go/cicerone/core/a"
			type hidden struct{ Size int; secret func() }
			func (h hidden) Show(times int) (text string, err error) { return "", nil }
			func (h hidden) quiet() {}
			type Box[T comparable] struct { *hidden; ID a.ID ` + "`json:\"id\"`" + `; value T }
			func (b *Box[U]) Get(f func(key U) bool) U { return b.value }
			type Short = Box[string]
			type Sealed interface { Do(x int, more ...string); seal() }
			type Number interface { ~int | ~float64 }
			func Sum[N Number](all ...N) (sum N) { return }
			const Letter, Half, Many, Name = 'x', 0.5, 1 << 40, "n\n"
			var Err = error(nil)
			var unseen int`,
	}.listing(t)
	const want = `package b

import "github.com/cicerone-go/cicerone/core/a"

const Half = 1.0 / 2.0
const Letter = 'x'
const Many = 1099511627776
const Name = "n\n"

var Err error

func Sum[N Number](...N) N

type Box[T comparable] struct {
	*hidden
	ID a.ID     ` + "`json:\"id\"`" + `
	_  struct{} // unexported fields
}

func (*Box[U]) Get(func(U) bool) U

type Number interface {
	~int | ~float64
}

type Sealed interface {
	Do(int, ...string)
	seal()
}

type Short = Box[string]

type hidden struct {
	Size int
	_    [0]func() // unexported fields that cannot be compared
}

func (hidden) Show(int) (string, error)
`
	if got := strings.TrimRight(string(l["core/b"]), "\n") + "\n"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestChanges(t *testing.T) {
	const open = "package ports\nimport \"github.com/cicerone-go/cicerone/core/b\"\ntype Tx interface { b.Tx }\n" +
		"type Storage interface { Run(func(Tx) error) error }"
	for name, test := range map[string]struct {
		before, after sources
		want          []string
	}{
		"nothing": {sources{"core/b": "package b; func F(a int)"}, sources{"core/b": "package b; func F(b int)"}, nil},
		"new function": {
			sources{"core/b": "package b"}, sources{"core/b": "package b; func F()"},
			[]string{"core/b: F: added"},
		},
		"new and removed package": {
			sources{"core/b": "package b"}, sources{"core/c": "package c"},
			[]string{"core/b: package removed  <- breaks importers", "core/c: package added"},
		},
		"changed signature": {
			sources{"core/b": "package b; func F()"}, sources{"core/b": "package b; func F(int)"},
			[]string{"core/b: F: changed from func() to func(int)  <- breaks importers"},
		},
		"removed method of a pointer": {
			sources{"core/b": "package b; type T struct{}; func (*T) M() {}"}, sources{"core/b": "package b; type T struct{}"},
			[]string{"core/b: (*T).M: removed  <- breaks importers"},
		},
		"new method of an interface that hosts implement": {
			sources{"core/b": "package b; type Mailer interface{ Send() }"},
			sources{"core/b": "package b; type Mailer interface{ Send(); Close() }"},
			[]string{"core/b: Mailer.Close: added  <- breaks its implementations"},
		},
		"new method of a sealed interface": {
			sources{"core/b": "package b; type S interface{ seal() }"}, sources{"core/b": "package b; type S interface{ seal(); More() }"},
			[]string{"core/b: S.More: added"},
		},
		"changed repository": {
			sources{"core/b": "package b; type Tx interface { Things() Things }; type Things interface{ Get(); Old(); Put() }", "ports": open},
			sources{"core/b": "package b; type Tx interface { Things() Things }; type Things interface{ Get(int); New(); Put() }", "ports": open},
			[]string{
				"core/b: Things.Get: changed from func() to func(int)  <- breaks importers and stores",
				"core/b: Things.New: added  <- breaks stores",
				"core/b: Things.Old: removed  <- breaks importers",
			},
		},
		"changed tag": {
			sources{"core/b": "package b; type W struct { A int `json:\"a\"` }"},
			sources{"core/b": "package b; type W struct { A int `json:\"b\"` }"},
			[]string{"core/b: W.A: tag changed from `json:\"a\"` to `json:\"b\"`  <- breaks " + clients},
		},
	} {
		t.Run(name, func(t *testing.T) {
			changes, err := test.after.code(t).since(test.before.listing(t))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, c := range changes {
				got = append(got, c.String())
			}
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestRemovedImport reads a listing with an import that the module does not have any more.
func TestRemovedImport(t *testing.T) {
	before := listing{"core/b": []byte("package b\nimport \"example.org/gone\"\nfunc F(gone.T)\nfunc G()")}
	changes, err := sources{"core/b": "package b; func F(int); func G()"}.code(t).since(before)
	if err != nil || len(changes) != 1 || changes[0].object != "b.F" {
		t.Errorf("got %v and error %v, want the change of F", changes, err)
	}
}

func TestInvalidListings(t *testing.T) {
	for _, text := range []string{"package b\nfunc F(", "package b\nfunc F(Unknown)"} {
		if _, err := (sources{"core/b": "package b"}).code(t).since(listing{"core/b": []byte(text)}); err == nil {
			t.Errorf("%q: since returned no error", text)
		}
	}
}

func TestChangelog(t *testing.T) {
	s := section("- `core/b`: new things.\n- `b.Named` is gone, `transport/core/d` came.")
	broken := []string{importers}
	missing := s.lacks([]change{
		{pkg: "core/b", object: "b.New", what: "New: added"},
		{pkg: "core/b", object: "b.Named", breaks: broken},
		{pkg: "core/b", object: "b.Name", breaks: broken},
		{pkg: "core/c", object: "c.New"},
		{pkg: "core/d"},
	})
	if want := []string{"b.Name", "c.New", "core/d"}; !slices.Equal(missing, want) {
		t.Errorf("the changelog lacks %v, want %v", missing, want)
	}
}

func TestDiffers(t *testing.T) {
	a := listing{"core/a": []byte("1"), "core/b": []byte("1"), "core/c": nil}
	b := listing{"core/a": []byte("1"), "core/b": []byte("2"), "core/d": nil}
	if got, want := a.differs(b), []string{"core/b", "core/c", "core/d"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
