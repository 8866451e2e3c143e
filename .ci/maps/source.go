package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"strings"
)

// kit is the folder of the conformance kit. A row names a test of the kit as suite/test.
const kit = "ports/porttest"

// source finds tests and pages in the source of the module.
type source struct {
	module fs.FS
	tests  map[string]map[string]bool // by folder and name, as far as they were asked for
}

func isTestName(name string) bool {
	return strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz")
}

// has returns an error unless a package has a test, or the kit has a test of a suite.
func (s *source) has(pkg, name string) error {
	tests, known := s.tests[pkg]
	if !known {
		var err error
		if tests, err = s.read(pkg); err != nil {
			return fmt.Errorf("read the tests of %s: %w", pkg, err)
		}
		if s.tests == nil {
			s.tests = map[string]map[string]bool{}
		}
		s.tests[pkg] = tests
	}
	if !tests[name] {
		return fmt.Errorf("%s has no test %q", pkg, name)
	}
	return nil
}

// read returns the names of the tests of a package.
func (s *source) read(pkg string) (map[string]bool, error) {
	files, err := fs.Glob(s.module, path.Join(pkg, "*.go"))
	if err != nil {
		return nil, err
	}
	tests := map[string]bool{}
	lists, suites := map[string][]string{}, map[string]string{} // of the kit
	for _, name := range files {
		isTest := strings.HasSuffix(name, "_test.go")
		if !isTest && pkg != kit {
			continue
		}
		text, err := fs.ReadFile(s.module, name)
		if err != nil {
			return nil, err
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && isTest && f.Recv == nil && isTestName(f.Name.Name) {
				tests[f.Name.Name] = true
			}
			if g, ok := decl.(*ast.GenDecl); ok && !isTest {
				readLists(g, lists, suites)
			}
		}
	}
	for suite, list := range suites {
		for _, test := range lists[list] {
			tests[suite+"/"+test] = true
		}
	}
	return tests, nil
}

// readLists adds the variables of the types []test and []suite in a declaration: the names of the
// tests by the variable, and the variable by the name of its suite.
func readLists(decl *ast.GenDecl, lists map[string][]string, suites map[string]string) {
	for _, spec := range decl.Specs {
		v, ok := spec.(*ast.ValueSpec)
		if !ok || len(v.Values) != 1 {
			continue
		}
		list, ok := v.Values[0].(*ast.CompositeLit)
		if !ok {
			continue
		}
		array, ok := list.Type.(*ast.ArrayType)
		if !ok {
			continue
		}
		of, _ := array.Elt.(*ast.Ident)
		for _, element := range list.Elts {
			pair, ok := element.(*ast.CompositeLit)
			if of == nil || !ok || len(pair.Elts) != 2 {
				continue
			}
			literal, ok := pair.Elts[0].(*ast.BasicLit)
			if !ok {
				continue
			}
			name, err := strconv.Unquote(literal.Value)
			if err != nil {
				continue
			}
			variable, isVariable := pair.Elts[1].(*ast.Ident)
			switch {
			case of.Name == "test":
				lists[v.Names[0].Name] = append(lists[v.Names[0].Name], name)
			case of.Name == "suite" && isVariable:
				suites[name] = variable.Name
			}
		}
	}
}

// notInAnchor matches what the anchor of a heading leaves out.
var notInAnchor = regexp.MustCompile(`[^\pL\pN _-]`)

// hasPage returns an error unless a link of the page leads to a file of the module, and to a
// heading of it if the link names one.
func (s *source) hasPage(link string) error {
	file, anchor, hasAnchor := strings.Cut(link, "#")
	text, err := fs.ReadFile(s.module, path.Join(path.Dir(page), file))
	if err != nil {
		return fmt.Errorf("the link %s: %w", link, err)
	}
	for line := range strings.Lines(string(text)) {
		heading := strings.TrimLeft(line, "#")
		if heading == line {
			continue
		}
		heading = notInAnchor.ReplaceAllString(strings.ToLower(strings.TrimSpace(heading)), "")
		if strings.ReplaceAll(heading, " ", "-") == anchor {
			return nil
		}
	}
	if hasAnchor {
		return fmt.Errorf("the link %s: the page has no such heading", link)
	}
	return nil
}
