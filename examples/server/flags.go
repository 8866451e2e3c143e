package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/wiring"
)

// environment is how the variables begin that set what flags set: --addr is CICERONE_ADDR.
const environment = "CICERONE"

// program is the command line.
type program struct {
	settings

	Version kong.VersionFlag `env:"-" help:"Print the version and the revision that the program was built from."`

	Serve  serveCommand  `cmd:"" default:"withargs" help:"Serve the API of Cicerone, where voyagers meet locals, until SIGTERM or SIGINT. There are other commands, each with a -h of its own: server admin EMAIL makes an account an admin, server backup FILE copies the store, server doctor checks it, server copy --to STORE copies it into another kind of store, server migrate makes the tables of a PostgreSQL or MongoDB store."`
	Admin  adminCommand  `cmd:"" help:"Make an account an admin, and make the account where there is none. No server may have a sqlite store open."`
	Backup backupCommand `cmd:"" help:"Copy the store into a file, as it is at one moment, while a server uses it or none. The copy is a store like any other: --store sqlite:FILE. PostgreSQL has pg_dump for that, and MongoDB mongodump."`
	Copy   copyCommand   `cmd:"" help:"Copy the whole store into another one, of the same kind or of any other, and compare both. No server may have either of them open. A copy that was interrupted is gone on with by the same command; no server takes the store before that is done."`
	Doctor doctorCommand `cmd:"" help:"Check every rule on the whole store, while a server uses it or none, and print what there is. Exits with 1 where a rule is broken."`

	Migrate migrateCommand `cmd:"" help:"Make the tables of a PostgreSQL store or the collections of a MongoDB store, or bring them up to date: the store named by --store. It may be repeated, and run by several at once. Other stores do so by themselves when a server opens them."`
}

// settings are the flags of all commands. Every other flag belongs to the commands that use it.
type settings struct {
	Store string `default:"sqlite" placeholder:"STORE" help:"Where everything is kept: ${stores}. sqlite is a file, cicerone/cicerone.db in the user's data folder (where $XDG_DATA_HOME says, else ~/.local/share or what the system has instead) unless PATH names another; postgres is a schema of a database, whose tables server migrate makes, and takes the parameters schema=NAME (cicerone), pgbouncer=true (PgBouncer in transaction mode stands between), statement_timeout=10s, lock_timeout=5s, idle_in_transaction_session_timeout=15s, pool_max_conns=N (four for each processor) and those of libpq, like sslmode; mongodb is a database of a replica set or sharded cluster, whose collections server migrate makes, at mongodb:// or mongodb+srv://, and takes the parameters commandTimeoutMS=10000, commitTimeoutMS=5000, queueTimeoutMS=10000 and those of every MongoDB address, like replicaSet and authSource; memory, or :memory:, ends with the process. Default: ${default}."`
}

// serverSettings are the flags of a server that serves.
type serverSettings struct {
	Log      logSettings      `embed:"" prefix:"log-" group:"Log"`
	Accounts accountSettings  `embed:""`
	Policies policySettings   `embed:"" group:"What the community decides"`
	Security securitySettings `embed:"" group:"Passwords and tokens"`
	Mail     mailSettings     `embed:"" group:"Mail"`
	Limits   limitSettings    `embed:"" prefix:"limit-" group:"Limits, in requests per second; 0 for none"`
}

// accountSettings are the flags of the commands that make accounts.
type accountSettings struct {
	SignupBonus int64 `default:"${signup_bonus}" placeholder:"TOKENS" group:"What the community decides" help:"What a new account is given. Default: ${default}."`
	BcryptCost  int   `default:"${bcrypt_cost}" group:"Passwords and tokens" help:"How expensive a password is to check, 4 to 31; one more takes twice as long."`
}

type logSettings struct {
	Level  string `default:"info" enum:"debug,info,warn,error" help:"The least that is logged: ${enum}."`
	Format string `default:"text" enum:"text,json" help:"How it is written: ${enum}."`
}

type policySettings struct {
	MessageCost int64             `default:"${message_cost}" placeholder:"TOKENS" help:"What a message costs its sender. Default: ${default}."`
	TokenRate   reservations.Rate `default:"${token_rate}" placeholder:"RATE" help:"Tokens per unit of price, 0 to 1000. Default: ${default}."`
	SettleEvery time.Duration     `default:"${settle_every}" help:"How often reservations are looked for that have ended; at most 5s."`
	PurgeEvery  time.Duration     `default:"${purge_every}" help:"How often expired sessions and answers kept for retries are removed."`
}

type securitySettings struct {
	AccessKey       []string      `placeholder:"BASE64" help:"What access tokens are signed with: 32 bytes or more, as standard base64. Of several the first signs and all verify. Default: a random one, which is kept beside the file of a sqlite store, in PATH.key, and otherwise ends with the process."`
	CursorKey       []string      `placeholder:"BASE64" help:"What the cursors of lists are authenticated with: 32 bytes or more, as standard base64. Of several the first seals and all open. Default: keys derived from those of access tokens."`
	AccessIssuer    string        `default:"${access_issuer}" help:"Who says that access tokens are from."`
	AccessAudience  string        `default:"${access_audience}" help:"For whom access tokens are good."`
	AccessLeeway    time.Duration `default:"${access_leeway}" help:"How far the clocks of servers that share keys may be apart."`
	AccessLifetime  time.Duration `default:"${access_lifetime}" help:"How long an access token works."`
	RefreshLifetime time.Duration `default:"${refresh_lifetime}" help:"How long a refresh token works."`
	ResetLifetime   time.Duration `default:"${reset_lifetime}" help:"How long a password reset works."`
	ResetURL        string        `placeholder:"URL" help:"The page that takes a password reset; the token is added to it. Default: the mail holds the bare token."`
}

type limitSettings struct {
	Anonymous      float64 `default:"${limit_anonymous}" help:"From one address, by those who are not signed in."`
	AnonymousBurst int     `default:"${limit_anonymous_burst}" help:"How many of those at once; 0 for what comes in a second."`
	User           float64 `default:"${limit_user}" help:"Of one user."`
	UserBurst      int     `default:"${limit_user_burst}" help:"How many of those at once; 0 for what comes in a second."`
}

// defaults are what the flags say where nobody says otherwise: what package wiring says.
func defaults() kong.Vars {
	c := wiring.DefaultConfig()
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	rate := func(r float64) string { return strconv.FormatFloat(r, 'g', -1, 64) }
	return kong.Vars{
		"version":               buildVersion(),
		"stores":                storeForms(),
		"signup_bonus":          number(c.Users.SignupBonus),
		"message_cost":          number(c.Messaging.MessageCost),
		"token_rate":            c.Reservations.Rate.String(),
		"settle_every":          c.Reservations.SettleEvery.String(),
		"purge_every":           c.PurgeEvery.String(),
		"access_issuer":         c.Access.Issuer,
		"access_audience":       c.Access.Audience,
		"access_leeway":         c.Access.Leeway.String(),
		"access_lifetime":       c.Users.AccessLifetime.String(),
		"refresh_lifetime":      c.Users.RefreshLifetime.String(),
		"reset_lifetime":        c.Users.ResetLifetime.String(),
		"bcrypt_cost":           number(int64(c.PasswordCost)),
		"limit_anonymous":       rate(c.Limits.Anonymous.PerSecond),
		"limit_anonymous_burst": number(int64(c.Limits.Anonymous.Burst)),
		"limit_user":            rate(c.Limits.User.PerSecond),
		"limit_user_burst":      number(int64(c.Limits.User.Burst)),
	}
}

// parse reads the command line and what of the environment concerns us, and returns the command that it
// asks for. -h prints the help and ends the program.
func parse(args, environ []string) (command func() error, err error) {
	var p program
	parser, err := kong.New(&p,
		kong.Name("server"),
		kong.DefaultEnvars(environment),
		kong.Help(helpWithDefaultCommand),
		defaults(),
	)
	if err != nil {
		return nil, fmt.Errorf("describe the command line: %w", err)
	}
	if err := checkEnvironment(parser.Model, environ); err != nil {
		return nil, err
	}
	parsed, err := parser.Parse(args)
	if err != nil {
		return nil, fmt.Errorf("%w (server -h lists what there is)", err)
	}
	return func() error { return parsed.Run(&p.settings) }, nil
}

// inFlags says an error about fields of a wiring.Config in terms of the flags that set them.
func inFlags(err error) error {
	return errors.New(strings.NewReplacer(
		"Users.SignupBonus", "--signup-bonus",
		"Users.AccessLifetime", "--access-lifetime",
		"Users.RefreshLifetime", "--refresh-lifetime",
		"Users.ResetLifetime", "--reset-lifetime",
		"Users.ResetURL", "--reset-url",
		"Messaging.MessageCost", "--message-cost",
		"Reservations.SettleEvery", "--settle-every",
		"PurgeEvery", "--purge-every",
		"Access.Keys", "--access-key",
		"CursorKeys", "--cursor-key",
		"Access.Issuer", "--access-issuer",
		"Access.Audience", "--access-audience",
		"Access.Leeway", "--access-leeway",
		"PasswordCost", "--bcrypt-cost",
		"Limits.Anonymous.PerSecond", "--limit-anonymous",
		"Limits.Anonymous.Burst", "--limit-anonymous-burst",
		"Limits.User.PerSecond", "--limit-user",
		"Limits.User.Burst", "--limit-user-burst",
	).Replace(err.Error()))
}

// checkEnvironment refuses variables that begin like ours and set nothing: most likely they are misspelt.
func checkEnvironment(model *kong.Application, environ []string) error {
	var known []string
	var gather func(*kong.Node)
	gather = func(n *kong.Node) {
		for _, f := range n.Flags {
			known = append(known, f.Envs...)
		}
		for _, child := range n.Children {
			gather(child)
		}
	}
	gather(model.Node)
	var unknown []error
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		if strings.HasPrefix(name, environment+"_") && !slices.Contains(known, name) {
			unknown = append(unknown, fmt.Errorf("unknown environment variable %s (server -h lists what there is)", name))
		}
	}
	return errors.Join(unknown...)
}

// helpWithDefaultCommand is kong's help, except that without a command it shows what the default one takes:
// -h is to explain every setting.
func helpWithDefaultCommand(options kong.HelpOptions, asked *kong.Context) error {
	if asked.Selected() == nil {
		serve, err := kong.Trace(asked.Kong, []string{"serve"})
		if err != nil {
			return fmt.Errorf("show the help: %w", err)
		}
		asked = serve
	}
	return kong.DefaultHelpPrinter(options, asked)
}
