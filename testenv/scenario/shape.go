package scenario

import (
	"strings"

	"golang.org/x/text/encoding/charmap"

	"ccdirsync/testenv/postoffice"
)

// shape is a shape of post offices as a reader of its files and the
// configuration of ccdirsync see it. It is written down here once more, and
// not taken from the packages under test. How the directory writes names goes
// with it, for that is not settled either.
type shape struct {
	name     postoffice.Shape
	codePage string
	chars    *charmap.Charmap
	file     fileForm
	dialect  string // in the configuration
	line     string // arguments of both programs, in the configuration
	verb     string // before what a program is to do
	options  string // after it

	quotedNames bool // the directory writes names with quotes (RFC 1779), not backslashes
}

// fileForm is how a directory file looks.
type fileForm struct {
	order      []string // tags
	lineEnd    string
	emptyValue string // after the colon
	blankLine  bool   // between records
	ctrlZ      bool
}

var shapes = []shape{
	{
		name: postoffice.Lotus, codePage: "cp850", chars: charmap.CodePage850,
		file:    fileForm{order: []string{"Name", "Locn", "Addr", "Cmts"}, lineEnd: "\r\n"},
		dialect: "lotus",
		line:    `"/N{name}", "/P{password}", "/D{path}", "/@{file}"`, verb: "/", options: ", /BATCH",
	},
	{
		name: postoffice.Alt, codePage: "cp437", chars: charmap.CodePage437,
		file: fileForm{order: []string{"Name", "Addr", "Locn", "Cmts"}, lineEnd: "\n", emptyValue: " ", blankLine: true, ctrlZ: true},
		dialect: "{field_order: [Name, Addr, Locn, Cmts], line_end: lf, blank_lines: 1, trailing_space: true, ctrl_z: true, " +
			"lists: bare, boards: bare}",
		line:        `"{name}", "{password}", "{path}", "{file}"`,
		quotedNames: true,
	},
}

// program is the argument list of a program, for the configuration.
func (s shape) program(name, task string) string {
	return "[ccpo, " + name + ", " + s.line + `, "` + s.verb + task + `"` + s.options + "]"
}

// postOfficeConfig is what the configuration says of a post office.
func (s shape) postOfficeConfig(name, path, store string) string {
	return strings.NewReplacer(
		"NAME", name, "PATH", path, "STORE", store, "CODEPAGE", s.codePage, "DIALECT", s.dialect,
		"EXPORT_DIRECTORY", s.program("export", "DIRECTORY"),
		"EXPORT_LISTS", s.program("export", "LISTS"),
		"EXPORT_BOARDS", s.program("export", "BOARDS"),
		"IMPORT_DELETE", s.program("import", "DIRECTORY/DELETE{prop}"),
		"IMPORT_ADD", s.program("import", "DIRECTORY{prop}"),
	).Replace(`    post_office:
      name: NAME
      password_file: ./po.pw
      path: ./PATH
      store: ./STORE
      code_page: CODEPAGE
      dialect: DIALECT
      programs:
        export_directory: EXPORT_DIRECTORY
        export_lists:     EXPORT_LISTS
        export_boards:    EXPORT_BOARDS
        import_delete:    IMPORT_DELETE
        import_add:       IMPORT_ADD
`)
}
