package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/constant"
	"go/format"
	"go/parser"
	"go/token"
	"go/types"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// declare writes the exported API of a package as Go declarations: one line for each object, field
// and method. Unexported fields are left out, except that one blank field stands for all of them.
// Unexported types are declared if the API mentions them.
func declare(pkg *types.Package) ([]byte, error) {
	w := &writer{pkg: pkg, imports: map[string]string{}, declared: map[string]bool{}}
	var objects []types.Object
	for _, name := range pkg.Scope().Names() {
		if token.IsExported(name) {
			objects = append(objects, pkg.Scope().Lookup(name))
		}
	}
	slices.SortStableFunc(objects, func(a, b types.Object) int { return kind(a) - kind(b) })
	for _, obj := range objects {
		w.object(obj)
	}
	for {
		hidden, err := w.mentioned()
		if err != nil {
			return nil, err
		}
		if len(hidden) == 0 {
			break
		}
		for _, name := range hidden {
			w.object(pkg.Scope().Lookup(name))
		}
	}
	file, positions, err := w.parse()
	if err != nil {
		return nil, err
	}
	ast.Inspect(file, dropNames)
	var out bytes.Buffer
	if err := format.Node(&out, positions, file); err != nil {
		return nil, fmt.Errorf("format the API of %s: %w", pkg.Path(), err)
	}
	return append(out.Bytes(), '\n'), nil
}

// kind orders constants before variables, functions and types.
func kind(obj types.Object) int {
	switch obj.(type) {
	case *types.Const:
		return 0
	case *types.Var:
		return 1
	case *types.Func:
		return 2
	}
	return 3
}

// dropNames removes the names of parameters and results, because they are not part of the API.
func dropNames(n ast.Node) bool {
	if f, ok := n.(*ast.FuncType); ok {
		for _, list := range []*ast.FieldList{f.Params, f.Results} {
			if list == nil {
				continue
			}
			for _, field := range list.List {
				field.Names = nil
			}
		}
	}
	return true
}

type writer struct {
	pkg      *types.Package
	imports  map[string]string // the name of each path
	declared map[string]bool
	body     strings.Builder
}

func (w *writer) object(obj types.Object) {
	w.declared[obj.Name()] = true
	switch obj := obj.(type) {
	case *types.Const:
		w.printf("const %s%s = %s\n", obj.Name(), w.constType(obj), literal(obj))
	case *types.Var:
		w.printf("var %s %s\n", obj.Name(), w.typ(obj.Type()))
	case *types.Func:
		w.printf("func %s%s\n", obj.Name(), w.signature(obj.Signature()))
	case *types.TypeName:
		w.typeName(obj)
	}
}

func (w *writer) constType(c *types.Const) string {
	if b, ok := c.Type().(*types.Basic); ok && b.Info()&types.IsUntyped != 0 {
		return ""
	}
	return " " + w.typ(c.Type())
}

// literal returns the value of a constant as an expression of the same kind.
func literal(c *types.Const) string {
	b, _ := c.Type().Underlying().(*types.Basic)
	switch v := c.Val(); {
	case b.Kind() == types.UntypedRune:
		r, _ := constant.Int64Val(v)
		return strconv.QuoteRune(rune(r))
	case b.Info()&types.IsFloat != 0:
		numerator, denominator := constant.Num(v), constant.Denom(v)
		return fmt.Sprintf("%s.0 / %s.0", numerator.ExactString(), denominator.ExactString())
	default:
		return v.ExactString()
	}
}

func (w *writer) typeName(obj *types.TypeName) {
	if obj.IsAlias() {
		if alias, ok := obj.Type().(*types.Alias); ok {
			w.printf("type %s%s = %s\n", obj.Name(), w.typeParams(alias.TypeParams()), w.typ(alias.Rhs()))
			return
		}
		w.printf("type %s = %s\n", obj.Name(), w.typ(obj.Type()))
		return
	}
	named, _ := obj.Type().(*types.Named)
	w.printf("\ntype %s%s %s\n", obj.Name(), w.typeParams(named.TypeParams()), w.underlying(named.Underlying()))
	methods := slices.Collect(named.Methods())
	slices.SortFunc(methods, func(a, b *types.Func) int { return strings.Compare(a.Name(), b.Name()) })
	for _, m := range methods {
		if m.Exported() {
			w.printf("func (%s) %s%s\n", receiver(obj.Name(), m.Signature()), m.Name(), w.signature(m.Signature()))
		}
	}
	w.printf("\n")
}

func receiver(name string, s *types.Signature) string {
	if n := s.RecvTypeParams().Len(); n > 0 {
		params := make([]string, n)
		for i := range n {
			params[i] = s.RecvTypeParams().At(i).Obj().Name()
		}
		name += "[" + strings.Join(params, ", ") + "]"
	}
	if _, ok := s.Recv().Type().(*types.Pointer); ok {
		name = "*" + name
	}
	return name
}

// underlying returns the source of a type, with one member per line for structs and interfaces.
func (w *writer) underlying(t types.Type) string {
	var lines []string
	switch t := t.(type) {
	case *types.Struct:
		lines = w.fields(t)
		if len(lines) == 0 {
			return "struct{}"
		}
		return "struct {\n" + strings.Join(lines, "\n") + "\n}"
	case *types.Interface:
		for m := range t.ExplicitMethods() {
			lines = append(lines, m.Name()+w.signature(m.Signature()))
		}
		slices.Sort(lines)
		for e := range t.EmbeddedTypes() {
			lines = append(lines, w.typ(e))
		}
		return "interface {\n" + strings.Join(lines, "\n") + "\n}"
	}
	return w.typ(t)
}

func (w *writer) fields(s *types.Struct) []string {
	var lines []string
	hidden := ""
	for i := range s.NumFields() {
		f := s.Field(i)
		if !f.Exported() && !f.Embedded() {
			if !types.Comparable(f.Type()) {
				hidden = "_ [0]func() // unexported fields that cannot be compared"
			} else if hidden == "" {
				hidden = "_ struct{} // unexported fields"
			}
			continue
		}
		line := w.typ(f.Type())
		if !f.Embedded() {
			line = f.Name() + " " + line
		}
		if tag := s.Tag(i); tag != "" {
			line += " `" + tag + "`"
		}
		lines = append(lines, line)
	}
	if hidden != "" {
		lines = append(lines, hidden)
	}
	return lines
}

func (w *writer) typeParams(list *types.TypeParamList) string {
	if list.Len() == 0 {
		return ""
	}
	params := make([]string, list.Len())
	for i := range params {
		params[i] = list.At(i).Obj().Name() + " " + w.typ(list.At(i).Constraint())
	}
	return "[" + strings.Join(params, ", ") + "]"
}

func (w *writer) signature(s *types.Signature) string { return strings.TrimPrefix(w.typ(s), "func") }

func (w *writer) typ(t types.Type) string { return types.TypeString(t, w.qualify) }

// qualify returns the name of a package in the listing. If its own name is used already, it returns
// another.
func (w *writer) qualify(p *types.Package) string {
	if p == w.pkg {
		return ""
	}
	if name, ok := w.imports[p.Path()]; ok {
		return name
	}
	name := p.Name()
	for n := 2; slices.Contains(slices.Collect(maps.Values(w.imports)), name) || w.pkg.Scope().Lookup(name) != nil; n++ {
		name = p.Name() + strconv.Itoa(n)
	}
	w.imports[p.Path()] = name
	return name
}

func (w *writer) printf(format string, args ...any) { fmt.Fprintf(&w.body, format, args...) }

func (w *writer) parse() (*ast.File, *token.FileSet, error) {
	var text strings.Builder
	fmt.Fprintf(&text, "package %s\n", w.pkg.Name())
	for _, p := range slices.Sorted(maps.Keys(w.imports)) {
		name := w.imports[p]
		if name == path.Base(p) {
			name = ""
		}
		fmt.Fprintf(&text, "\nimport %s %q", name, p)
	}
	positions := token.NewFileSet()
	file, err := parser.ParseFile(positions, w.pkg.Path(), text.String()+"\n\n"+w.body.String(), parser.ParseComments)
	if err != nil {
		return nil, nil, fmt.Errorf("list the API: %w", err)
	}
	return file, positions, nil
}

// mentioned returns the unexported types that are used and not declared yet.
func (w *writer) mentioned() ([]string, error) {
	file, _, err := w.parse()
	if err != nil {
		return nil, err
	}
	var names []string
	ast.Inspect(file, dropNames)
	ast.Inspect(file, func(n ast.Node) bool {
		if _, ok := n.(*ast.SelectorExpr); ok {
			return false
		}
		if id, ok := n.(*ast.Ident); ok && !token.IsExported(id.Name) && !w.declared[id.Name] {
			if _, ok := w.pkg.Scope().Lookup(id.Name).(*types.TypeName); ok {
				names = append(names, id.Name)
			}
		}
		return true
	})
	slices.Sort(names)
	return slices.Compact(names), nil
}
