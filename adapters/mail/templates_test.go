package mail_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/net/html"

	"github.com/cicerone-go/cicerone/adapters/mail"
	"github.com/cicerone-go/cicerone/core/fault"
	"github.com/cicerone-go/cicerone/core/moderation"
	"github.com/cicerone-go/cicerone/core/notifications"
	"github.com/cicerone-go/cicerone/core/users"
)

// languages are those in which there is each mail.
var languages = []string{"en", "fr"}

// samples has mail of each kind, with what its text and its HTML contain in each language.
var samples = []struct {
	mail users.Mail
	has  []string
}{
	{
		users.Mail{Kind: users.MailPasswordReset, Data: users.PasswordResetMail{
			Link: "https://example.org/reset?token=SECRET", Secret: "SECRET", Minutes: 61,
		}},
		[]string{"Cicerone", "https://example.org/reset?token=SECRET", "61 minutes"},
	},
	{
		users.Mail{Kind: users.MailPasswordReset, Data: users.PasswordResetMail{Secret: "SECRET", Minutes: 61}},
		[]string{"Cicerone", "SECRET", "61 minutes"},
	},
	{users.Mail{Kind: users.MailWrongPasswords, Data: users.WrongPasswordsMail{Wrong: 17}}, []string{"Cicerone", "17"}},
	{optional(notifications.NewMessage, notifications.NewMessageMail{Count: 1, Senders: []string{"Ben"}}), []string{"Ben"}},
	{
		optional(notifications.NewMessage, notifications.NewMessageMail{Count: 17, Senders: []string{"Ben", "Mia", "<b>"}, Others: 23}),
		[]string{"17", "Ben, Mia, <b>", "23"},
	},
	{optional(notifications.ReservationProposed, walk), said},
	{optional(notifications.ReservationAccepted, walk), said},
	{optional(notifications.ReservationDeclined, walk), said},
	{optional(notifications.ReservationCancelled, walk), said},
	{
		optional(notifications.ReservationCancelled, notifications.ReservationMail{Title: "A walk", Date: walk.Date}),
		[]string{"A walk, ", "2026"},
	},
	{optional(notifications.ReservationExpired, walk), said},
	{optional(notifications.ReservationReminder, walk), said},
	{optional(notifications.ReportDecided, notifications.ReportDecidedMail{Reason: "spam & lies"}), []string{"spam & lies"}},
	{optional(notifications.ReportDecided, notifications.ReportDecidedMail{Reason: "spam & lies", Resolved: true}), []string{"spam & lies"}},
	{sanction(moderation.Warning, time.Time{}), []string{"spam & lies"}},
	{sanction(moderation.Restriction, time.Time{}), []string{"spam & lies"}},
	{sanction(moderation.Suspension, walk.Date), []string{"spam & lies", "2026"}},
}

// walk is a reservation, and said is what each mail about it says.
var (
	walk = notifications.ReservationMail{
		Title: "A walk & a talk", Other: "Ben <b>", Date: time.Date(2026, time.July, 3, 12, 30, 0, 0, time.UTC),
	}
	said = []string{"A walk & a talk", "Ben <b>", "2026", "12:30 UTC"}
)

// optional is a mail that can be switched off.
func optional(kind notifications.Kind, data any) users.Mail {
	return users.Mail{Kind: users.MailKind(kind), Data: data, Unsubscribe: "https://example.org/off?token=" + string(kind)}
}

func sanction(kind moderation.SanctionKind, ends time.Time) users.Mail {
	data := notifications.SanctionMail{Kind: string(kind), Reason: "spam & lies", EndsAt: ends}
	return users.Mail{Kind: users.MailKind(notifications.Sanction), Data: data}
}

// TestEveryKindInEveryLanguage checks each template of the package: there are no others.
func TestEveryKindInEveryLanguage(t *testing.T) {
	templates := newTemplates(t, mail.TemplatesConfig{})
	var kinds []users.MailKind
	for _, s := range samples {
		kinds = append(kinds, s.mail.Kind)
		texts := map[string]bool{}
		for _, locale := range languages {
			m := s.mail
			m.Locale = locale
			r := render(t, templates, m)
			for _, want := range append(s.has, m.Unsubscribe) {
				if !strings.Contains(r.Text, want) || !strings.Contains(textOf(t, r.HTML), want) {
					t.Errorf("%s in %s lacks %q: %+v", m.Kind, locale, want, r)
				}
			}
			if !strings.Contains(r.HTML, `<html lang="`+locale+`">`) {
				t.Errorf("%s in %s has the HTML %s", m.Kind, locale, r.HTML)
			}
			texts[r.Subject], texts[r.Text] = true, true
		}
		if len(texts) != 2*len(languages) {
			t.Errorf("%s: the subjects and texts of %v are the same", s.mail.Kind, languages)
		}
	}
	slices.Sort(kinds)
	if kinds = slices.Compact(kinds); !slices.Equal(kinds, templates.Kinds()) {
		t.Errorf("there are templates of %v, and samples of %v", templates.Kinds(), kinds)
	}
}

// textOf returns the texts and the addresses of links of a page, which must be well formed.
func textOf(t *testing.T, page string) string {
	t.Helper()
	var b strings.Builder
	var open []string
	for z := html.NewTokenizer(strings.NewReader(page)); ; {
		switch token := z.Next(); token {
		case html.ErrorToken:
			if len(open) > 0 {
				t.Errorf("%v are not closed: %s", open, page)
			}
			return b.String()
		case html.TextToken:
			b.WriteString(html.UnescapeString(string(z.Raw())))
		case html.StartTagToken, html.EndTagToken:
			name, more := z.TagName()
			if token == html.StartTagToken && string(name) != "meta" {
				open = append(open, string(name))
			}
			if token == html.EndTagToken {
				if len(open) == 0 || open[len(open)-1] != string(name) {
					t.Fatalf("%s is closed, open are %v: %s", name, open, page)
				}
				open = open[:len(open)-1]
			}
			for more {
				var key, value []byte
				if key, value, more = z.TagAttr(); string(key) == "href" {
					b.WriteString(" " + string(value) + " ")
				}
			}
		}
	}
}

func newTemplates(t *testing.T, c mail.TemplatesConfig) *mail.Templates {
	t.Helper()
	templates, err := mail.NewTemplates(c)
	if err != nil {
		t.Fatal(err)
	}
	return templates
}

func render(t *testing.T, templates *mail.Templates, m users.Mail) mail.Rendered {
	t.Helper()
	r, err := templates.Render(m)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func files(pairs ...string) fstest.MapFS {
	f := fstest.MapFS{}
	for pair := range slices.Chunk(pairs, 2) {
		f[pair[0]] = &fstest.MapFile{Data: []byte(pair[1])}
	}
	return f
}

const greeting = `{{define "subject"}}Hello{{end}}{{define "text"}}{{.Locale}} {{.Data}} {{.URL}}{{end}}{{define "html"}}<p>{{.Data}}</p>{{end}}`

// TestLocales checks which template is taken for a recipient.
func TestLocales(t *testing.T) {
	templates := newTemplates(t, mail.TemplatesConfig{URL: "https://example.org/", Overrides: files(
		"greeting.en.tmpl", greeting, "greeting.fr.tmpl", greeting, "greeting.fr-CA.tmpl", greeting, "greeting.zh-Hant.tmpl", greeting,
	)})
	for locale, want := range map[string]string{
		"": "en", "en": "en", "en-GB": "en", "fr": "fr", "fr-CH": "fr", "fr-CA": "fr-CA", "FR-ca": "fr-CA", "zh-TW": "zh-Hant",
		"zh": "en", "de": "en", "und": "en", "not a tag": "en", strings.Repeat("x", 10_000): "en",
	} {
		r := render(t, templates, users.Mail{Kind: "greeting", Locale: locale, Data: "Ada"})
		if r.Text != want+" Ada https://example.org\n" {
			t.Errorf("for %.20q the text is %q, want the language %s", locale, r.Text, want)
		}
	}
}

// TestOverrides checks that a host replaces single templates, and the page around all of them.
func TestOverrides(t *testing.T) {
	reset := users.Mail{Kind: users.MailPasswordReset, Data: users.PasswordResetMail{Secret: "<b>", Minutes: 60}}
	templates := newTemplates(t, mail.TemplatesConfig{Community: "Walks & Talks", Overrides: files(
		"password_reset.en.tmpl", `{{define "subject"}}{{.Community}}{{end}}{{define "text"}}{{.Data.Secret}}{{end}}{{define "html"}}<i>{{.Data.Secret}}</i>{{end}}`,
		"layout.tmpl", `<main>{{template "html" .}}</main>`,
	)})
	want := mail.Rendered{Subject: "Walks & Talks", Text: "<b>\n", HTML: "<main><i>&lt;b&gt;</i></main>\n"}
	if r := render(t, templates, reset); r != want {
		t.Errorf("got %+v, want %+v", r, want)
	}
	reset.Locale = "fr"
	r := render(t, templates, reset)
	if !strings.Contains(r.Text, "nouveau mot de passe") || !strings.Contains(r.Text, "Walks & Talks") ||
		!strings.HasPrefix(r.HTML, "<main>") || !strings.Contains(r.HTML, "Walks &amp; Talks") {
		t.Errorf("in French, got %+v", r)
	}
}

func TestInvalidTemplates(t *testing.T) {
	for name, overrides := range map[string]fstest.MapFS{
		"no language":        files("greeting.tmpl", greeting),
		"unknown language":   files("greeting.klingonese.tmpl", greeting),
		"another spelling":   files("greeting.EN.tmpl", greeting),
		"no kind":            files(".en.tmpl", greeting),
		"another suffix":     files("greeting.en.html", greeting),
		"syntax":             files("greeting.en.tmpl", greeting+"{{"),
		"no HTML":            files("greeting.en.tmpl", `{{define "subject"}}Hello{{end}}{{define "text"}}Hello{{end}}`),
		"syntax of the page": files("layout.tmpl", `{{template "html"`),
		"a folder":           files("greeting.en.tmpl/greeting", greeting),
	} {
		if _, err := mail.NewTemplates(mail.TemplatesConfig{Overrides: overrides}); err == nil {
			t.Errorf("%s: no error", name)
		} else if !strings.Contains(err.Error(), "tmpl") && !strings.Contains(err.Error(), "greeting") {
			t.Errorf("%s: the error does not name the file: %v", name, err)
		}
	}
	for _, c := range []mail.TemplatesConfig{{Community: "two\nlines"}, {Community: strings.Repeat("a", 101)}, {URL: "example.org"}, {URL: "javascript:1"}} {
		if _, err := mail.NewTemplates(c); !errors.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v, want fault.Invalid", c, err)
		}
	}
}

// TestBounds checks that a text has a limit, and that it is reached before all of it is made.
func TestBounds(t *testing.T) {
	parts := func(subject, text, html string) string {
		return `{{define "subject"}}` + subject + `{{end}}{{define "text"}}` + text + `{{end}}{{define "html"}}` + html + `{{end}}{{define "more"}}hello {{end}}`
	}
	const forever = `{{range 1000000000}}{{template "more" .}}{{end}}`
	for name, source := range map[string]string{
		"subject":        parts(forever, "a", "a"),
		"text":           parts("a", forever, "a"),
		"html":           parts("a", "a", forever),
		"no subject":     parts("", "a", "a"),
		"field":          parts("a", "{{.Data.Missing}}", "a"),
		"wrong function": parts("a", "a", `{{index .Data "a" 1}}`),
	} {
		templates := newTemplates(t, mail.TemplatesConfig{Overrides: files("greeting.en.tmpl", source)})
		if r, err := templates.Render(users.Mail{Kind: "greeting", Data: users.WrongPasswordsMail{}}); err == nil {
			t.Errorf("%s: rendered %d characters of text", name, len(r.Text))
		}
	}
	if _, err := newTemplates(t, mail.TemplatesConfig{}).Render(users.Mail{Kind: "unknown"}); err == nil || !strings.Contains(err.Error(), "unknown.en.tmpl") {
		t.Errorf("an unknown kind: %v", err)
	}
}
