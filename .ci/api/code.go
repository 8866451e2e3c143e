package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/tools/go/packages"
)

// code is the module as it is now.
type code struct {
	public map[string]*types.Package // by path in the module
	others map[string]*types.Package // the packages that they import, by import path
}

// load type-checks the module in a folder, and the packages that the listings import.
func load(dir string, listings ...listing) (code, error) {
	wanted := []string{"./..."}
	for _, l := range listings {
		imported, err := l.imports()
		if err != nil {
			return code{}, err
		}
		wanted = append(wanted, imported...)
	}
	loaded, err := packages.Load(&packages.Config{Dir: dir, Mode: packages.LoadSyntax | packages.NeedModule}, wanted...)
	if err != nil {
		return code{}, fmt.Errorf("load the module: %w", err)
	}
	c := code{public: map[string]*types.Package{}, others: map[string]*types.Package{}}
	for _, p := range loaded {
		own := p.PkgPath == module || strings.HasPrefix(p.PkgPath, module+"/")
		if len(p.Errors) > 0 && !own {
			continue // an import of the listing that is gone
		}
		if len(p.Errors) > 0 {
			return code{}, fmt.Errorf("load the module: %w", p.Errors[0])
		}
		if own && isPublic(p.PkgPath, p.Name) {
			c.public[strings.TrimPrefix(p.PkgPath, module+"/")] = p.Types
		}
		c.remember(p.Types)
	}
	return c, nil
}

// isPublic reports whether a package is part of the API. Programs and examples are not. Packages that
// are generated from .proto files are compared as such, by buf.
func isPublic(importPath, name string) bool {
	return name != "main" && importPath != module && !strings.HasPrefix(importPath, module+"/examples/") &&
		!strings.HasPrefix(importPath, module+"/transport/grpcapi/cicerone/") &&
		!slices.Contains(strings.Split(importPath, "/"), "internal")
}

func (c code) remember(p *types.Package) {
	if _, known := c.others[p.Path()]; known {
		return
	}
	c.others[p.Path()] = p
	for _, imported := range p.Imports() {
		c.remember(imported)
	}
}

// listing returns the listing of the API. It returns an error if reading the listing gives another
// API.
func (c code) listing() (listing, error) {
	l := listing{}
	for name, p := range c.public {
		text, err := declare(p)
		if err != nil {
			return nil, err
		}
		l[name] = text
	}
	lost, err := c.since(l)
	if err == nil && len(lost) > 0 {
		err = fmt.Errorf("the listing does not contain the whole API: %v", lost)
	}
	return l, err
}

// read type-checks a listing.
func (c code) read(l listing) (map[string]*types.Package, error) {
	r := &reader{code: c, listing: l, positions: token.NewFileSet(), done: map[string]*types.Package{}}
	for name := range l {
		if _, err := r.Import(module + "/" + name); err != nil {
			return nil, err
		}
	}
	return r.done, nil
}

// reader imports the packages of a listing from it, and all others from the code.
type reader struct {
	code      code
	listing   listing
	positions *token.FileSet
	done      map[string]*types.Package
}

var errGone = errors.New("not imported any more")

// Import implements types.Importer.
func (r *reader) Import(importPath string) (*types.Package, error) {
	name := strings.TrimPrefix(importPath, module+"/")
	text, listed := r.listing[name]
	if importPath == "unsafe" {
		return types.Unsafe, nil
	}
	if !listed {
		if p, ok := r.code.others[importPath]; ok {
			return p, nil
		}
		return nil, fmt.Errorf("%s: %w", importPath, errGone)
	}
	if p, ok := r.done[name]; ok {
		return p, nil
	}
	file, err := parser.ParseFile(r.positions, path.Join(folder, name+extension), text, parser.SkipObjectResolution)
	if err != nil {
		return nil, fmt.Errorf("read the listing: %w", err)
	}
	for _, d := range file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			f.Body = &ast.BlockStmt{} // ignored, but required for a generic function
		}
	}
	gone := slices.ContainsFunc(file.Imports, func(i *ast.ImportSpec) bool {
		imported, _ := strconv.Unquote(i.Path.Value)
		_, err := r.Import(imported)
		return errors.Is(err, errGone)
	})
	checker := types.Config{Importer: r, IgnoreFuncBodies: true}
	if gone {
		checker.Error = func(error) {} // types of that import become invalid, which is a change
	}
	p, err := checker.Check(importPath, r.positions, []*ast.File{file}, nil)
	if err != nil && !gone {
		return nil, fmt.Errorf("read the listing: %w", err)
	}
	r.done[name] = p
	return p, nil
}

// imports returns the paths of other modules that a listing imports.
func (l listing) imports() ([]string, error) {
	paths := map[string]bool{}
	for name, text := range l {
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.ImportsOnly)
		if err != nil {
			return nil, fmt.Errorf("read the listing: %w", err)
		}
		for _, i := range file.Imports {
			if p, err := strconv.Unquote(i.Path.Value); err == nil && !strings.HasPrefix(p, module+"/") {
				paths[p] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(paths)), nil
}
