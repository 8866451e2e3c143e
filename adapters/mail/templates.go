package mail

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"io/fs"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync"
	texttemplate "text/template"

	"golang.org/x/text/language"

	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/text"
	"github.com/cicerone-go/cicerone/core/users"
)

//go:embed templates/*.tmpl
var embedded embed.FS

// The parts of a mail, which each template defines.
const (
	subjectPart = "subject"
	textPart    = "text"
	htmlPart    = "html"
)

const (
	suffix = ".tmpl"
	layout = "layout" + suffix // the HTML around each part html

	fallback = "en" // the language of a recipient whose own has no template

	maxSubject = 200       // characters
	maxText    = 64 << 10  // bytes
	maxHTML    = 256 << 10 // bytes
)

// DefaultCommunity is the default of TemplatesConfig.Community.
const DefaultCommunity = "Cicerone"

// TemplatesConfig is the configuration of Templates.
type TemplatesConfig struct {
	Community string // the name of the community; "" means DefaultCommunity
	URL       string // of the pages of the community, for links; "" makes mail without links to them

	// Overrides has templates that replace those of this package with the same name, or are added to
	// them. It may be nil. Other files are an error. A file is named KIND.LOCALE.tmpl, for example
	// password_reset.fr.tmpl, and defines the templates subject, text and html. Subject and text are
	// executed by text/template, and html by html/template, each with a Page. The file layout.tmpl
	// is the HTML around each of them.
	Overrides fs.FS
}

// Page is the data that a template is executed with.
type Page struct {
	Community   string
	URL         string // of the pages of the community; "" if there are none
	Locale      string // the language of the template
	Unsubscribe string // see users.Mail.Unsubscribe
	Data        any    // see users.Mail.Data
}

// Rendered is the text of a mail.
type Rendered struct {
	Subject string // one line of 1 to 200 characters
	Text    string // 64 KiB at most
	HTML    string // a whole page, 256 KiB at most
}

// Templates make the texts of mails. Those of this package are in English and French. It is safe
// for concurrent use.
type Templates struct {
	community, url string
	kinds          map[users.MailKind]map[string]template // by the language
}

// template makes the mails of a kind in a language.
type template struct {
	text *texttemplate.Template
	html *htmltemplate.Template
}

var defaultTemplates = sync.OnceValue(func() *Templates {
	t, err := NewTemplates(TemplatesConfig{})
	if err != nil {
		panic(err) // the templates of this package are tested
	}
	return t
})

func orDefaultTemplates(t *Templates) *Templates {
	if t == nil {
		return defaultTemplates()
	}
	return t
}

// NewTemplates returns the templates of this package with those that replace them. It returns an
// error that names the file if one cannot be parsed, lacks a part or is not named as it should be.
func NewTemplates(c TemplatesConfig) (*Templates, error) {
	if c.Community == "" {
		c.Community = DefaultCommunity
	}
	var f fault.Fields
	line := text.Line(&f, "community", c.Community, text.Required, users.MaxName)
	f.Check(line == c.Community, "community", "must be one line, without needless white space")
	u, err := url.Parse(c.URL)
	f.Check(c.URL == "" || err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "", "url", "must be an http or https address")
	if err := f.Err(); err != nil {
		return nil, fmt.Errorf("mail: templates: %w", err)
	}
	sources := map[string]string{}
	own, err := fs.Sub(embedded, "templates")
	if err != nil {
		return nil, fmt.Errorf("mail: templates: %w", err)
	}
	for _, files := range []fs.FS{own, c.Overrides} {
		if err := readTemplates(files, sources); err != nil {
			return nil, err
		}
	}
	t := &Templates{community: c.Community, url: strings.TrimSuffix(c.URL, "/"), kinds: map[users.MailKind]map[string]template{}}
	for _, name := range slices.Sorted(maps.Keys(sources)) {
		if name == layout {
			continue
		}
		if err := t.add(name, sources[name], sources[layout]); err != nil {
			return nil, fmt.Errorf("mail: template %s: %w", name, err)
		}
	}
	return t, nil
}

// readTemplates adds the contents of files to sources, by their names.
func readTemplates(files fs.FS, sources map[string]string) error {
	if files == nil {
		return nil
	}
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return fmt.Errorf("mail: list templates: %w", err)
	}
	for _, e := range entries {
		b, err := fs.ReadFile(files, e.Name())
		if err != nil {
			return fmt.Errorf("mail: read a template: %w", err)
		}
		sources[e.Name()] = string(b)
	}
	return nil
}

// add parses the template of a file.
func (t *Templates) add(name, source, around string) error {
	base, isTemplate := strings.CutSuffix(name, suffix)
	kind, locale, named := strings.Cut(base, ".")
	tag, err := language.Parse(locale)
	if !isTemplate || !named || kind == "" || err != nil || tag.String() != locale {
		return errors.New("must be named like password_reset.fr" + suffix + ", with the BCP 47 tag of a language")
	}
	parsed := template{}
	if parsed.text, err = texttemplate.New(name).Option("missingkey=error").Parse(source); err != nil {
		return err
	}
	if parsed.html, err = htmltemplate.New(layout).Option("missingkey=error").Parse(around); err != nil {
		return err
	}
	if parsed.html, err = parsed.html.New(name).Parse(source); err != nil {
		return err
	}
	for _, part := range []string{subjectPart, textPart, htmlPart} {
		if parsed.text.Lookup(part) == nil {
			return fmt.Errorf("must define the template %q", part)
		}
	}
	if t.kinds[users.MailKind(kind)] == nil {
		t.kinds[users.MailKind(kind)] = map[string]template{}
	}
	t.kinds[users.MailKind(kind)][locale] = parsed
	return nil
}

// Kinds returns the kinds of mail for which there are templates, in ascending order.
func (t *Templates) Kinds() []users.MailKind { return slices.Sorted(maps.Keys(t.kinds)) }

// Render returns the text of a mail, in the language of its recipient, else in the one that it is a
// variant of, else in English. It returns an error if there is no template, or if the template fails
// or makes a text beyond the bounds of Rendered.
func (t *Templates) Render(m users.Mail) (Rendered, error) {
	found, locale, err := t.find(m.Kind, m.Locale)
	if err != nil {
		return Rendered{}, fmt.Errorf("mail: render: %w", err)
	}
	r, err := found.render(Page{
		Community: t.community, URL: t.url, Locale: locale, Unsubscribe: m.Unsubscribe, Data: m.Data,
	})
	if err != nil {
		return Rendered{}, fmt.Errorf("mail: render %s in %s: %w", m.Kind, locale, err)
	}
	return r, nil
}

// find returns the template of a kind for a locale, and its language.
func (t *Templates) find(kind users.MailKind, locale string) (template, string, error) {
	languages := t.kinds[kind]
	tag, err := language.Parse(locale)
	for ; err == nil && !tag.IsRoot(); tag = tag.Parent() {
		if found, ok := languages[tag.String()]; ok {
			return found, tag.String(), nil
		}
	}
	if found, ok := languages[fallback]; ok {
		return found, fallback, nil
	}
	return template{}, "", fmt.Errorf("there is no template %s.%s%s", kind, fallback, suffix)
}

func (t template) render(p Page) (Rendered, error) {
	subject, err := execute(4*maxSubject, t.text.Lookup(subjectPart).Execute, p)
	if err != nil {
		return Rendered{}, err
	}
	var f fault.Fields
	r := Rendered{Subject: text.Line(&f, subjectPart, subject, text.Required, maxSubject)}
	if r.Text, err = execute(maxText, t.text.Lookup(textPart).Execute, p); err != nil {
		return Rendered{}, err
	}
	if r.HTML, err = execute(maxHTML, t.html.Lookup(layout).Execute, p); err != nil {
		return Rendered{}, err
	}
	f.Check(text.Valid(r.Text), textPart, "must be valid UTF-8 without NUL")
	f.Check(text.Valid(r.HTML), htmlPart, "must be valid UTF-8 without NUL")
	r.Text, r.HTML = strings.TrimSpace(r.Text)+"\n", strings.TrimSpace(r.HTML)+"\n"
	return r, f.Err()
}

// execute returns what a template writes, or an error if that is more than most bytes.
func execute(most int, template func(io.Writer, any) error, p Page) (string, error) {
	b := bounded{room: most}
	if err := template(&b, p); err != nil {
		return "", err
	}
	return b.String(), nil
}

// bounded is a buffer with a limit.
type bounded struct {
	bytes.Buffer
	room int
}

var errTooLong = errors.New("the text is too long")

// Write implements io.Writer.
func (b *bounded) Write(p []byte) (int, error) {
	if len(p) > b.room-b.Len() {
		return 0, errTooLong
	}
	return b.Buffer.Write(p)
}
