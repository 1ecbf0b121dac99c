// Package config reads ccdirsync's configuration file.
//
// The file is YAML. Reading it collects every problem, each with its line and
// column: keys that nobody knows (with the one that was probably meant),
// values of the wrong type, and settings that contradict each other. Nothing
// is filled in silently but the defaults that docs/configuration.md lists,
// which a key without a value leaves as they are.
//
// Anchors and aliases are read, merge keys and tags are not: what a setting is
// should be seen where it stands.
package config

import (
	"time"
)

// File is the whole configuration.
type File struct {
	Version    int         `yaml:"version"`
	StateDir   string      `yaml:"state_dir"`
	Log        Log         `yaml:"log"`
	History    History     `yaml:"history"`
	Connectors []Connector `yaml:"connectors"`

	Dir string `yaml:"-"` // of the file; relative paths start from here

	places *walker // where every setting stands
}

// Log says how messages are written.
type Log struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

// History says how much is kept of past runs; 0 is no limit.
type History struct {
	Runs int `yaml:"runs"` // of each connector
	Days int `yaml:"days"`
}

// Connector joins one Exchange site to one post office.
type Connector struct {
	Name       string     `yaml:"name"`
	Exchange   Exchange   `yaml:"exchange"`
	PostOffice PostOffice `yaml:"post_office"`
	Mapping    Mapping    `yaml:"mapping"`
	Limits     Limits     `yaml:"limits"`
	Schedule   Schedule   `yaml:"schedule"`

	Place string `yaml:"-"` // in the file, such as connectors[0]
}

// Exchange is the directory side.
type Exchange struct {
	URL           string   `yaml:"url"`
	URLs          []string `yaml:"urls"`
	TLS           TLS      `yaml:"tls"`
	Plaintext     bool     `yaml:"plaintext"`
	Bind          string   `yaml:"bind"`
	BindDN        string   `yaml:"bind_dn"`
	PasswordFile  string   `yaml:"password_file"`
	PasswordEnv   string   `yaml:"password_env"`
	Profile       Profile  `yaml:"profile"`
	Server        string   `yaml:"server"`
	FormerServers []string `yaml:"former_servers"`
	Site          string   `yaml:"site"`
	Sites         []string `yaml:"sites"`
	Base          string   `yaml:"base"`
	Sentinel      string   `yaml:"sentinel"`
	AdminView     bool     `yaml:"admin_view"`
	PageSize      int      `yaml:"page_size"`
	Timeout       Duration `yaml:"timeout"`
	Timeouts      Timeouts `yaml:"timeouts"`
	Retries       int      `yaml:"retries"`
	Connections   int      `yaml:"connections"`
	InFlight      int      `yaml:"writes_in_flight"`
	Incremental   bool     `yaml:"incremental"`
	FullReadEvery Duration `yaml:"full_read_every"`
	Export        *Export  `yaml:"export"`
	Import        *Import  `yaml:"import"`
}

// TLS says how the connection is protected.
type TLS struct {
	Mode       string   `yaml:"mode"`
	CAFile     string   `yaml:"ca_file"`
	ServerName string   `yaml:"server_name"`
	PinSHA256  []string `yaml:"pin_sha256"`
	CertFile   string   `yaml:"cert_file"`
	KeyFile    string   `yaml:"key_file"`
}

// Timeouts bound what is done with a connection. The first two are 0 where
// Exchange.Timeout counts.
type Timeouts struct {
	Connect Duration `yaml:"connect"`
	Read    Duration `yaml:"read"`
	Idle    Duration `yaml:"idle"`
}

// Export is the direction from Exchange to cc:Mail.
type Export struct {
	Containers       []string `yaml:"containers"`
	TrustLevel       int      `yaml:"trust_level"`
	CustomRecipients bool     `yaml:"custom_recipients"`
	Grace            Duration `yaml:"grace"`
}

// Import is the direction from cc:Mail to Exchange.
type Import struct {
	Container        string    `yaml:"container"`
	Filter           Filter    `yaml:"filter"`
	Moves            string    `yaml:"moves"`
	Adopt            bool      `yaml:"adopt"`
	Lists            string    `yaml:"lists"`
	Aliases          bool      `yaml:"aliases"`
	KeyAttribute     string    `yaml:"key_attribute"`
	FormerContainers []string  `yaml:"former_containers"`
	FormerNames      []string  `yaml:"former_names"`
	Grace            Duration  `yaml:"grace"`
	Addresses        Addresses `yaml:"addresses"`
}

// Filter chooses which cc:Mail users are imported.
type Filter struct {
	Mode    string   `yaml:"mode"`
	Formats []string `yaml:"formats"`
}

// Addresses are the templates of generated addresses.
type Addresses struct {
	SMTP string `yaml:"smtp"`
	X400 string `yaml:"x400"`
}

// PostOffice is the cc:Mail side.
type PostOffice struct {
	Name         string   `yaml:"name"`
	PasswordFile string   `yaml:"password_file"`
	PasswordEnv  string   `yaml:"password_env"`
	Path         string   `yaml:"path"`
	Store        string   `yaml:"store"`
	Backups      int      `yaml:"backups"`
	Sentinel     string   `yaml:"sentinel"`
	CodePage     string   `yaml:"code_page"`
	Transport    string   `yaml:"transport"`
	Programs     Programs `yaml:"programs"`
	Timeout      Duration `yaml:"timeout"`
	Propagate    bool     `yaml:"propagate"`
	Dialect      Dialect  `yaml:"dialect"`
}

// Programs are the argument lists of EXPORT and IMPORT.
type Programs struct {
	ExportDirectory []string `yaml:"export_directory"`
	ExportLists     []string `yaml:"export_lists"`
	ExportBoards    []string `yaml:"export_boards"`
	ImportDelete    []string `yaml:"import_delete"`
	ImportAdd       []string `yaml:"import_add"`
}

// Dialect says how the files look: a name, or a base with what is unlike it.
type Dialect struct {
	Base          string   `yaml:"base"`
	FieldOrder    []string `yaml:"field_order"`
	LineEnd       string   `yaml:"line_end"`
	BlankLines    *int     `yaml:"blank_lines"`
	TrailingSpace *bool    `yaml:"trailing_space"`
	CtrlZ         *bool    `yaml:"ctrl_z"`
	Lists         string   `yaml:"lists"`
	Boards        string   `yaml:"boards"`
	TitlesOnly    *bool    `yaml:"titles_only"`
	MaxName       *int     `yaml:"max_name"`
	MaxAddress    *int     `yaml:"max_address"`
	MaxComment    *int     `yaml:"max_comment"`
	Forbidden     *string  `yaml:"forbidden"`
}

// Mapping are the rules for names.
type Mapping struct {
	Exchange MappingExchange `yaml:"exchange"`
	CCMail   MappingCCMail   `yaml:"ccmail"`
}

// MappingExchange are the rules for custom recipients.
type MappingExchange struct {
	DisplayName    string `yaml:"display_name"`
	Alias          string `yaml:"alias"`
	Comment        string `yaml:"comment"`
	SecondaryProxy bool   `yaml:"secondary_proxy"`
}

// MappingCCMail are the rules for post office directory entries.
type MappingCCMail struct {
	Prefer       string `yaml:"prefer"`
	WithoutProxy string `yaml:"without_proxy"`
	Name         string `yaml:"name"`
	Comment      string `yaml:"comment"`
}

// Limits are the guards of a plan.
type Limits struct {
	Deletes        int `yaml:"deletes"`
	DeletePercent  int `yaml:"delete_percent"`
	ChangesPercent int `yaml:"changes_percent"`
	MembersPercent int `yaml:"members_percent"`
	Floor          int `yaml:"floor"`
	ShrinkPercent  int `yaml:"shrink_percent"`
}

// Schedule is when cycles run: never, always, or cron lines.
type Schedule []string

func (s *Schedule) setText(line string) { *s = Schedule{line} }

func (d *Dialect) setText(name string) { *d = Dialect{Base: name} }

// Duration is a time span written as 90s or 10m.
type Duration time.Duration

func (f *File) setDefaults() {
	f.StateDir, f.Log = "./state", Log{Level: "info", Format: "text"}
	f.History = History{Runs: 1000, Days: 90}
}

// setDefaults sets every setting of a connector that has a default. A
// direction that the file does not name stays off.
func (c *Connector) setDefaults() {
	*c = Connector{
		Exchange: Exchange{
			Profile: Profile{Base: "exchange55"}, AdminView: true, PageSize: 100, Timeout: Duration(time.Minute),
			Timeouts: Timeouts{Idle: Duration(5 * time.Minute)}, Retries: 2, Connections: 2, InFlight: 8,
			Incremental: true, FullReadEvery: Duration(168 * time.Hour),
		},
		PostOffice: PostOffice{
			Backups: 10, Transport: "exec", Timeout: Duration(10 * time.Minute), Dialect: Dialect{Base: "lotus"},
			Programs: Programs{
				ExportDirectory: []string{"export", "/N{name}", "/P{password}", "/D{path}", "/@{file}", "/DIRECTORY", "/BATCH"},
				ExportLists:     []string{"export", "/N{name}", "/P{password}", "/D{path}", "/@{file}", "/LISTS", "/BATCH"},
				ExportBoards:    []string{"export", "/N{name}", "/P{password}", "/D{path}", "/@{file}", "/BOARDS", "/BATCH"},
				ImportDelete:    []string{"import", "/N{name}", "/P{password}", "/D{path}", "/@{file}", "/DIRECTORY/DELETE{prop}", "/PARTIAL", "/BATCH"},
				ImportAdd:       []string{"import", "/N{name}", "/P{password}", "/D{path}", "/@{file}", "/DIRECTORY{prop}", "/PARTIAL", "/BATCH"},
			},
		},
		Mapping: Mapping{
			Exchange: MappingExchange{DisplayName: "%F %L", Alias: "%F%1L"},
			CCMail:   MappingCCMail{Prefer: "proxy", WithoutProxy: "refuse", Name: "%s, %g"},
		},
		Limits:   Limits{Deletes: 500, DeletePercent: 20, ChangesPercent: 30, MembersPercent: 30, Floor: 10, ShrinkPercent: 10},
		Schedule: Schedule{"never"},
	}
}

func (e *Export) setDefaults() { *e = Export{TrustLevel: 100, CustomRecipients: true} }

func (i *Import) setDefaults() {
	*i = Import{Filter: Filter{Mode: "all"}, Moves: "modify", Lists: "custom_recipients", KeyAttribute: "Extension-Attribute-15"}
}
