package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strconv"

	"github.com/cicerone-go/cicerone/adapters/mail"
	"github.com/cicerone-go/cicerone/core/users"
)

type mailSettings struct {
	Mail     *string `placeholder:"WHERE" help:"How mail is sent: log writes it to the log, including its secrets, and is for development only; smtp://[USER:PASSWORD@]HOST[:PORT] sends it, encrypted with STARTTLS; smtps://... encrypts the connection from the start; smtp://...?tls=none does not encrypt. Default: log if other machines cannot reach the server; otherwise one must be given. ${visible}"`
	MailFile string  `placeholder:"PATH" help:"A file that holds the value of --mail. ${private}"`
	From     string  `name:"mail-from" placeholder:"ADDRESS" help:"The sender of mail, like Cicerone <no-reply@example.org>. Required with smtp."`

	Community string `name:"mail-community" default:"${mail_community}" placeholder:"NAME" help:"The name of the community in mail. Default: ${default}."`
	Pages     string `name:"mail-url" placeholder:"URL" help:"The address of the community's pages, to which mail has links. Default: none."`
	Locales   string `name:"mail-locales" default:"${mail_locales}" placeholder:"LOCALES" help:"The languages of mail, as BCP 47 tags. A new account gets the one that its user's browser prefers. Default: ${default}."`
	Templates string `name:"mail-templates" placeholder:"FOLDER" help:"A folder with templates that replace those of mail, or add languages. A file is named KIND.LANGUAGE.tmpl, like password_reset.fr.tmpl, or layout.tmpl. Default: none."`
}

// mailer makes the mailer. reachable is true if other machines can reach the server. Errors do not
// contain the address, which may hold a password.
func (s mailSettings) mailer(log *slog.Logger, reachable bool) (users.Mailer, error) {
	where, err := secret("--mail", s.Mail, s.MailFile, "")
	if err != nil {
		return nil, err
	}
	templates, err := s.templates()
	if err != nil {
		return nil, err
	}
	byDefault := s.Mail == nil && s.MailFile == ""
	if byDefault && reachable {
		return nil, errors.New("--mail: other machines can reach this server, and mail has secrets: " +
			"name a mail server, or write mail to the log with --mail log")
	}
	if byDefault || where == "log" {
		if reachable {
			log.Warn("mail is written to the log: everybody who can read the log can take over accounts (--mail log)")
		}
		return mail.NewLog(log, templates), nil
	}
	c, err := smtpConfig(where)
	if err != nil {
		return nil, fmt.Errorf("--mail: %w", err)
	}
	if s.From == "" {
		return nil, errors.New("--mail-from: a sender is required if --mail is smtp")
	}
	c.From, c.Templates = s.From, templates
	m, err := mail.NewSMTP(c)
	if err != nil {
		return nil, fmt.Errorf("--mail and --mail-from: %w", err)
	}
	return m, nil
}

func (s mailSettings) templates() (*mail.Templates, error) {
	c := mail.TemplatesConfig{Community: s.Community, URL: s.Pages}
	if s.Templates != "" {
		c.Overrides = os.DirFS(s.Templates)
	}
	t, err := mail.NewTemplates(c)
	if err != nil {
		return nil, fmt.Errorf("--mail-community, --mail-url and --mail-templates: %w", err)
	}
	return t, nil
}

func smtpConfig(address string) (mail.Config, error) {
	u, err := url.Parse(address)
	if err != nil || u.Path != "" && u.Path != "/" || u.Fragment != "" {
		return mail.Config{}, errors.New("must be log, smtp://[USER:PASSWORD@]HOST[:PORT] or smtps://[USER:PASSWORD@]HOST[:PORT]")
	}
	c := mail.Config{Host: u.Hostname(), Username: u.User.Username()}
	c.Password, _ = u.User.Password()
	switch u.Scheme {
	case "smtp":
		c.TLS = mail.StartTLS
	case "smtps":
		c.TLS = mail.ImplicitTLS
	default:
		return mail.Config{}, fmt.Errorf("unknown kind of mail %q; must be log, smtp or smtps", u.Scheme)
	}
	for name, values := range u.Query() {
		if name != "tls" || len(values) != 1 || values[0] != "none" || u.Scheme != "smtp" {
			return mail.Config{}, fmt.Errorf("unknown option %s; the only one is tls=none, with smtp", name)
		}
		c.TLS = mail.NoTLS
	}
	if port := u.Port(); port != "" {
		if c.Port, err = strconv.Atoi(port); err != nil || c.Port == 0 {
			return mail.Config{}, fmt.Errorf("port %s: must be 1 to 65535", port)
		}
	}
	return c, nil
}
