package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"github.com/cicerone-go/cicerone/adapters/mail"
	"github.com/cicerone-go/cicerone/core/reservations"
	"github.com/cicerone-go/cicerone/transport/edge"
	"github.com/cicerone-go/cicerone/wiring"
)

// environment is the prefix of the variables that set flags: CICERONE_ADDR sets --addr.
const environment = "CICERONE"

// program is the command line.
type program struct {
	settings

	Version kong.VersionFlag `env:"-" help:"Print the version and the revision that the program was built from."`

	Serve  serveCommand  `cmd:"" default:"withargs" help:"Serve the API of Cicerone, where voyagers meet locals, until SIGTERM or SIGINT. The other commands have their own -h: server admin EMAIL makes an account an admin, server backup FILE copies the store into a file, server doctor checks the store, server copy --to STORE copies it into another store, server migrate updates the tables of a store, server twins lists the accounts that have one address, server events lists the events that subscribers could not handle, and looks after subscriptions, and server ledger head prints the last seals of the ledger."`
	Admin  adminCommand  `cmd:"" help:"Make an account an admin. The account is created if it does not exist. With --reset-totp, remove the second factor of an account instead, if its user has lost it. If the store is sqlite, no server may have it open."`
	Backup backupCommand `cmd:"" help:"Copy a sqlite store into a file, as it is at one moment. A server may use the store meanwhile. The copy is a store, too: --store sqlite:FILE. For PostgreSQL use pg_dump, and for MongoDB mongodump."`
	Copy   copyCommand   `cmd:"" help:"Copy the whole store into another one, of the same kind or another, and compare both. No server may have either store open. If the copy is interrupted, the same command resumes it; until it is complete, no server opens the new store."`
	Doctor doctorCommand `cmd:"" help:"Check the whole store against every rule, and print the totals, the violations and the twins. A server may use the store meanwhile. Exits with 1 if a rule is broken."`
	Events eventsCommand `cmd:"" help:"List the events that subscribers could not handle, and look after the subscriptions."`
	Ledger ledgerCommand `cmd:"" help:"Print the heads of the ledger."`

	Migrate migrateCommand `cmd:"" help:"Create or update the tables of a store, tell how far it is, and report twins: accounts with one address and interests with one name, which were different by the rules of an earlier version. It may be repeated, and several may run concurrently. A server updates a sqlite store itself when it opens it, so that here no server may have it open."`
	Twins   twinsCommand   `cmd:"" help:"List the twins of the store: accounts with one address, and interests with one name, which were different by the rules of an earlier version. Of two accounts one is found by the exact text of its address only, until one of them has another address (--email) or is erased (--erase). If the store is sqlite, no server may have it open for that."`
}

// settings are the flags of all commands. Every other flag belongs to the commands that use it.
type settings struct {
	Store     *string `placeholder:"STORE" help:"The store: ${stores}. sqlite is a file. Without a PATH it is cicerone/cicerone.db in the user's data folder ($XDG_DATA_HOME, or else ~/.local/share or the folder that the system has for it). postgres is a schema of a database; server migrate creates its tables. Its parameters are schema=NAME (cicerone), pgbouncer=true (the address is that of a PgBouncer in transaction mode), group_commit=false (no two commands share a transaction), statement_timeout=10s, lock_timeout=5s, idle_in_transaction_session_timeout=15s, pool_max_conns=N (four for each processor) and those of libpq, like sslmode. mongodb is a database of a replica set or sharded cluster, at mongodb:// or mongodb+srv://; server migrate creates its collections. Its parameters are groupCommit=false (no two messages share a transaction), commandTimeoutMS=10000, commitTimeoutMS=5000, queueTimeoutMS=10000 and those of every MongoDB address, like replicaSet and authSource. memory, or :memory:, is lost when the process ends. Default: ${default_store}. ${visible}"`
	StoreFile string  `placeholder:"PATH" help:"A file that holds the value of --store. ${private}"`
}

// serverSettings are the flags of the command serve, except those of serveCommand itself.
type serverSettings struct {
	BasePath string `placeholder:"PATH" group:"Server" help:"The path below which clients reach the server, like /community. A proxy must remove it from requests. Default: none."`

	PublicURL string `name:"public-url" placeholder:"URL" group:"Server" help:"The address at which clients reach the server, with the base path, like https://example.org/community. Mail that may be switched off has an address below it, for one click. Default: none, and mail has no such address."`

	CorsOrigins []string `placeholder:"ORIGIN" group:"Server" help:"The origins of web pages whose scripts may call the API, like https://app.example.org, separated by commas. Default: none."`
	Docs        bool     `default:"true" negatable:"" group:"Server" help:"Serve /docs, the page that shows the description of the API. Default: yes."`

	MatchIndex string `default:"auto" enum:"auto,on,off" group:"Server" help:"Whether searches for people are answered from memory, which takes about 150 bytes for each profile: on, off, or auto, which is on with a sqlite or memory store. With several servers on a store, a search may miss for two seconds what another one has changed. Default: ${default}."`

	Log      logSettings      `embed:"" prefix:"log-" group:"Log"`
	Accounts accountSettings  `embed:""`
	Policies policySettings   `embed:"" group:"Community rules"`
	Security securitySettings `embed:"" group:"Passwords and tokens"`
	Mail     mailSettings     `embed:"" group:"Mail"`
	Webhooks webhookSettings  `embed:"" prefix:"webhook-" group:"Webhooks"`
	Proxies  proxySettings    `embed:"" group:"Proxies"`
	Limits   limitSettings    `embed:"" prefix:"limit-" group:"Limits, in requests per second; 0 for none"`
	Admit    admitSettings    `embed:"" prefix:"admit-" group:"Overload"`
	AtOnce   laneSettings     `embed:"" prefix:"at-once-" group:"Requests of a kind that run at once; 0 for no limit"`
	Room     roomSettings     `embed:"" group:"Connections and bodies of requests; 0 for no limit"`
}

// accountSettings are the flags of the commands that make accounts.
type accountSettings struct {
	SignupBonus   int64  `default:"${signup_bonus}" placeholder:"TOKENS" group:"Community rules" help:"The tokens that a new account receives. Default: ${default}."`
	PasswordWords string `default:"${password_words}" placeholder:"WORDS" group:"Passwords and tokens" help:"Words of the community, like its name, of which no password may be made. Words of fewer than three characters do not count. Default: ${default}."`
	BcryptCost    int    `default:"${bcrypt_cost}" group:"Passwords and tokens" help:"The cost of hashing a password, 4 to 31; each step doubles the time."`
}

type logSettings struct {
	Level  string `default:"info" enum:"debug,info,warn,error" help:"The lowest level that is logged: ${enum}."`
	Format string `default:"text" enum:"text,json" help:"The format of the log: ${enum}."`
}

type policySettings struct {
	MessageCost            int64             `default:"${message_cost}" placeholder:"TOKENS" help:"The price of a message, paid by its sender. Default: ${default}."`
	TokenRate              reservations.Rate `default:"${token_rate}" placeholder:"RATE" help:"Tokens per unit of price, 0 to 1000. Default: ${default}."`
	MaxLead                time.Duration     `default:"${max_lead}" help:"How far ahead the date of a reservation may lie when it is proposed."`
	MaxLength              time.Duration     `default:"${max_length}" help:"How long a reservation may last."`
	MaxOpened              int               `default:"${max_opened}" placeholder:"N" help:"How many new conversations a user may open in 24 hours, 1 to 1000000. Default: ${default}."`
	MaxImagePixels         int               `default:"${max_image_pixels}" placeholder:"N" help:"How many pixels, width times height, the image of a message may have. Default: ${default}."`
	MaxProposed            int               `default:"${max_proposed}" placeholder:"N" help:"How many reservations a user may propose in 24 hours, 1 to 1000000. Default: ${default}."`
	MaxPending             int               `default:"${max_pending}" placeholder:"N" help:"How many reservations of a conversation may be pending, 1 to 1000000. Default: ${default}."`
	MaxUnanswered          int               `default:"${max_unanswered}" placeholder:"N" help:"How many messages a user may send in a conversation before the other has ever written to them, 1 to 1000. Default: ${default}."`
	MaxUnansweredProposals int               `name:"max-unanswered-proposals" default:"${max_unanswered_proposals}" placeholder:"N" help:"How many pending reservations a user may have in a conversation before the other has ever written to them, 1 to 1000000. Default: ${default}."`
	SealEvery              time.Duration     `default:"${seal_every}" help:"How often the server looks for transactions to seal; at most 10s."`
	SettleEvery            time.Duration     `default:"${settle_every}" help:"How often the server looks for reservations that have ended, or were not accepted in time; at most 5s."`
	PurgeEvery             time.Duration     `default:"${purge_every}" help:"How often the server removes expired sessions, idempotency keys and counts of wrong passwords."`
}

type securitySettings struct {
	AccessKey        []string      `placeholder:"BASE64" help:"The key that signs access tokens: 32 bytes or more, as standard base64. Of several keys, the first signs and all verify. Default: a random key. A sqlite store keeps it in the file PATH.key; with another store, access tokens become invalid when the process ends. ${visible}"`
	AccessKeyFile    string        `placeholder:"PATH" help:"A file that holds the value of --access-key, with one key in each line. ${private}"`
	CursorKey        []string      `placeholder:"BASE64" help:"The key that authenticates the cursors of lists: 32 bytes or more, as standard base64. Of several keys, the first seals and all open. Default: keys derived from those of access tokens. ${visible}"`
	CursorKeyFile    string        `placeholder:"PATH" help:"A file that holds the value of --cursor-key, with one key in each line. ${private}"`
	LinkKey          []string      `placeholder:"BASE64" help:"The key that signs the addresses of images: 32 bytes or more, as standard base64. Of several keys, the first signs and all verify. Default: keys derived from those of access tokens. ${visible}"`
	LinkKeyFile      string        `placeholder:"PATH" help:"A file that holds the value of --link-key, with one key in each line. ${private}"`
	TotpKey          []string      `placeholder:"BASE64" help:"The key that seals the secrets of second factors and of webhooks in the store: 32 bytes or more, as standard base64. Of several keys, the first seals and all open. Without its key, a second factor works with its recovery codes only, and a webhook is not sent until its secret is rotated, so keep a key here that you take out of --access-key. Default: the keys of access tokens. ${visible}"`
	TotpKeyFile      string        `placeholder:"PATH" help:"A file that holds the value of --totp-key, with one key in each line. ${private}"`
	RequireAdminTotp bool          `help:"Refuse admins on the routes of admins until they have a second factor and have signed in with it."`
	LinkLifetime     time.Duration `default:"${link_lifetime}" help:"How long the signed address of an image works."`
	AccessIssuer     string        `default:"${access_issuer}" help:"The issuer of access tokens."`
	AccessAudience   string        `default:"${access_audience}" help:"The audience of access tokens."`
	AccessLeeway     time.Duration `default:"${access_leeway}" help:"How long an access token is accepted after it has expired, because clocks differ."`
	AccessLifetime   time.Duration `default:"${access_lifetime}" help:"How long an access token is valid."`
	RefreshLifetime  time.Duration `default:"${refresh_lifetime}" help:"How long a session lasts after its sign-in or its last refresh."`
	SessionLifetime  time.Duration `default:"${session_lifetime}" help:"How long a session lasts after its sign-in, however often it is refreshed."`
	RefreshGrace     time.Duration `default:"${refresh_grace}" help:"How long after its first use a refresh token may be used again, up to three times in all."`
	ResetLifetime    time.Duration `default:"${reset_lifetime}" help:"How long a password reset token is valid."`
	OpenResets       int           `default:"${open_resets}" help:"How many password resets of one account are valid at a time, 1 to 100."`
	MaxWrong         int           `default:"${max_wrong}" placeholder:"N" help:"How many wrong passwords for an address, or from a network, need no wait, 1 to 1000000. Default: ${default}."`
	MaxResets        int           `default:"${max_resets}" placeholder:"N" help:"How many password resets are mailed to an address in an hour, 1 to 1000000. Default: ${default}."`
	MaxResetsFrom    int           `default:"${max_resets_from}" placeholder:"N" help:"How many password resets may be requested from a network in an hour, 1 to 1000000. Default: ${default}."`
	ResetURL         string        `placeholder:"URL" help:"The address of the page that resets a password; the token is appended to it. Default: the mail contains only the token."`
}

type limitSettings struct {
	Anonymous      float64 `default:"${limit_anonymous}" help:"For one IP address without a signed-in user."`
	AnonymousBurst int     `default:"${limit_anonymous_burst}" help:"The burst that is allowed; 0 for the requests of one second."`
	User           float64 `default:"${limit_user}" help:"For one signed-in user."`
	UserBurst      int     `default:"${limit_user_burst}" help:"The burst that is allowed; 0 for the requests of one second."`
}

type admitSettings struct {
	Most     int     `default:"${admit_most}" placeholder:"N" help:"Requests that may ever run at once, for instance 64 for each core; 0 for no limit, under overload either. Default: ${default}."`
	Least    int     `default:"${admit_least}" placeholder:"N" help:"Requests that may always run at once. Default: ${default} on this machine, 6 for each core."`
	Slowdown float64 `default:"${admit_slowdown}" placeholder:"TIMES" help:"How many times as long as without load requests may take, 1 to 100. Those that may share commits may take at least 20 times as long. If requests take longer, fewer are admitted. Default: ${default}."`
	Queue    int     `default:"${admit_queue}" placeholder:"N" help:"Requests that wait; under overload half as many as may run, at most. The others are refused. Default: ${default}."`
}

type laneSettings struct {
	Hashing int `default:"${at_once_hashing}" placeholder:"N" help:"Requests that hash a password, which occupies a core. The others wait, or are refused. Default: ${default} on this machine, one less than the cores."`
	Search  int `default:"${at_once_search}" placeholder:"N" help:"Searches and lists of admins. Default: ${default} on this machine, half the cores."`
	Images  int `default:"${at_once_images}" placeholder:"N" help:"Messages that are sent with an image, and images that are read. Default: ${default} on this machine, the cores."`
}

// defaults returns the defaults of the flags, which are those of package wiring.
func defaults() kong.Vars {
	c, connections := wiring.DefaultConfig(), edge.DefaultConnectionLimits()
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	rate := func(r float64) string { return strconv.FormatFloat(r, 'g', -1, 64) }
	return kong.Vars{
		"version":                  buildVersion(),
		"stores":                   storeForms(),
		"default_store":            defaultStore,
		"visible":                  "Other users of the machine can see the command line: a secret belongs in the file or in the variable.",
		"private":                  "The file must be readable by its owner only.",
		"mail_community":           mail.DefaultCommunity,
		"mail_locales":             c.Users.Locales,
		"signup_bonus":             number(c.Users.SignupBonus),
		"message_cost":             number(c.Messaging.MessageCost),
		"token_rate":               c.Reservations.Rate.String(),
		"max_lead":                 c.Reservations.MaxLead.String(),
		"max_length":               c.Reservations.MaxLength.String(),
		"max_opened":               strconv.Itoa(c.Messaging.MaxOpened),
		"max_image_pixels":         strconv.Itoa(c.Messaging.MaxImagePixels),
		"max_proposed":             strconv.Itoa(c.Reservations.MaxProposed),
		"max_pending":              strconv.Itoa(c.Reservations.MaxPending),
		"max_unanswered":           strconv.Itoa(c.Messaging.MaxUnanswered),
		"max_unanswered_proposals": strconv.Itoa(c.Reservations.MaxUnanswered),
		"seal_every":               c.Tokens.SealEvery.String(),
		"settle_every":             c.Reservations.SettleEvery.String(),
		"link_lifetime":            c.LinkLifetime.String(),
		"purge_every":              c.PurgeEvery.String(),
		"access_issuer":            c.Access.Issuer,
		"access_audience":          c.Access.Audience,
		"access_leeway":            c.Access.Leeway.String(),
		"access_lifetime":          c.Users.AccessLifetime.String(),
		"refresh_lifetime":         c.Users.RefreshLifetime.String(),
		"session_lifetime":         c.Users.SessionLifetime.String(),
		"refresh_grace":            c.Users.RefreshGrace.String(),
		"open_resets":              number(int64(c.Users.OpenResets)),
		"max_wrong":                number(int64(c.Users.MaxWrong)),
		"max_resets":               number(int64(c.Users.MaxResets)),
		"max_resets_from":          number(int64(c.Users.MaxResetsFrom)),
		"password_words":           c.Users.Words,
		"reset_lifetime":           c.Users.ResetLifetime.String(),
		"bcrypt_cost":              number(int64(c.PasswordCost)),
		"limit_anonymous":          rate(c.Limits.Anonymous.PerSecond),
		"limit_anonymous_burst":    number(int64(c.Limits.Anonymous.Burst)),
		"limit_user":               rate(c.Limits.User.PerSecond),
		"limit_user_burst":         number(int64(c.Limits.User.Burst)),
		"admit_most":               strconv.Itoa(c.Limits.Admission.Most),
		"admit_least":              strconv.Itoa(c.Limits.Admission.Least),
		"admit_slowdown":           rate(c.Limits.Admission.Slowdown),
		"admit_queue":              strconv.Itoa(c.Limits.Admission.Queue),
		"at_once_hashing":          strconv.Itoa(c.Limits.Lanes.Hashing.AtOnce),
		"at_once_search":           strconv.Itoa(c.Limits.Lanes.Search.AtOnce),
		"at_once_images":           strconv.Itoa(c.Limits.Lanes.Images.AtOnce),
		"body_budget":              number(c.Limits.Bodies.Total >> 20),
		"body_reserve":             number(c.Limits.Bodies.Reserve >> 20),
		"body_share":               number(c.Limits.Bodies.PerCaller >> 20),
		"body_min_rate":            number(c.Limits.Bodies.MinRate),

		"max_connections":             number(int64(connections.Total)),
		"max_connections_per_address": number(int64(connections.PerAddress)),
	}
}

// parse reads the command line and the variables CICERONE_*, and returns the command to run. -h
// prints the help and exits.
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
		return nil, fmt.Errorf("%w (see server -h)", err)
	}
	return func() error { return parsed.Run(&p.settings) }, nil
}

// inFlags returns an error of wiring.Config.Validate with the fields replaced by their flags.
func inFlags(err error) error {
	return errors.New(strings.NewReplacer(
		"Users.SignupBonus", "--signup-bonus",
		"Users.AccessLifetime", "--access-lifetime",
		"Users.RefreshLifetime", "--refresh-lifetime",
		"Users.SessionLifetime", "--session-lifetime",
		"Users.RefreshGrace", "--refresh-grace",
		"Users.ResetLifetime", "--reset-lifetime",
		"Users.OpenResets", "--open-resets",
		"Users.MaxWrong", "--max-wrong",
		"Users.MaxResetsFrom", "--max-resets-from",
		"Users.MaxResets", "--max-resets",
		"Users.ResetURL", "--reset-url",
		"Users.Locales", "--mail-locales",
		"Messaging.MessageCost", "--message-cost",
		"Messaging.MaxOpened", "--max-opened",
		"Messaging.MaxUnanswered", "--max-unanswered",
		"Messaging.MaxImagePixels", "--max-image-pixels",
		"Reservations.MaxProposed", "--max-proposed",
		"Reservations.MaxPending", "--max-pending",
		"Reservations.MaxUnanswered", "--max-unanswered-proposals",
		"Reservations.MaxLead", "--max-lead",
		"Reservations.MaxLength", "--max-length",
		"Tokens.SealEvery", "--seal-every",
		"Reservations.SettleEvery", "--settle-every",
		"PurgeEvery", "--purge-every",
		"BasePath", "--base-path",
		"PublicURL", "--public-url",
		"Origins", "--cors-origins",
		"Access.Keys", "--access-key",
		"CursorKeys", "--cursor-key",
		"LinkKeys", "--link-key",
		"LinkLifetime", "--link-lifetime",
		"TOTPKeys", "--totp-key",
		"Access.Issuer", "--access-issuer",
		"Access.Audience", "--access-audience",
		"Access.Leeway", "--access-leeway",
		"PasswordCost", "--bcrypt-cost",
		"Limits.Anonymous.PerSecond", "--limit-anonymous",
		"Limits.Anonymous.Burst", "--limit-anonymous-burst",
		"Limits.User.PerSecond", "--limit-user",
		"Limits.User.Burst", "--limit-user-burst",
		"MatchIndex.Mode", "--match-index",
		"Limits.Admission.Most", "--admit-most",
		"Limits.Admission.Least", "--admit-least",
		"Limits.Admission.Slowdown", "--admit-slowdown",
		"Limits.Admission.Queue", "--admit-queue",
		"Limits.Lanes.Hashing.AtOnce", "--at-once-hashing",
		"Limits.Lanes.Search.AtOnce", "--at-once-search",
		"Limits.Lanes.Images.AtOnce", "--at-once-images",
		"Limits.Bodies.Total", "--body-budget",
		"Limits.Bodies.Reserve", "--body-reserve",
		"Limits.Bodies.PerCaller", "--body-share",
		"Limits.Bodies.MinRate", "--body-min-rate",
	).Replace(err.Error()))
}

// checkEnvironment returns an error for variables CICERONE_* that set no flag: they are probably
// misspelt.
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
			unknown = append(unknown, fmt.Errorf("unknown environment variable %s (see server -h)", name))
		}
	}
	return errors.Join(unknown...)
}

// helpWithDefaultCommand is kong's help, except that without a command it also shows the flags of
// the default command, so that server -h explains every setting of a server.
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
