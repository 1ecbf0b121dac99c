// Package scenario runs whole-program tests of ccdirsync that are written as
// scripts: a txtar archive whose comment is the script and whose files are its
// input, an Exchange directory as LDIF and a post office in the notation of
// ccpo. The script language is that of
// github.com/rogpeppe/go-internal/testscript; this package adds an Exchange
// directory, post offices and the verbs below.
//
// # A test of one's own
//
//	func TestMain(m *testing.M) { scenario.Main(m, nil) }
//
//	func TestScripts(t *testing.T) {
//		scenario.Run(t, scenario.Options{Dir: "testdata/script"})
//	}
//
// runs every *.txtar file of the folder with the ccdirsync that is found in
// PATH, and with ccpo from this module. A script begins with a comment that
// says what it shows, and one that has a world ends with settled:
//
//	# a new mailbox becomes a remote user
//	world exchange.ldif postoffice.txt
//	exec ccdirsync run
//	exec ccpo show po
//	stdout 'Name: Quist, Marta'
//	settled
//
//	-- exchange.ldif --
//	dn: cn=marta,cn=Recipients,ou=HQ,o=Contoso
//	objectClass: organizationalPerson
//	cn: Quist, Marta
//	otherMailbox: CCMAIL$Quist, Marta at EXSITE1
//	mailPreferenceOption: 0
//	-- postoffice.txt --
//
// # Shapes
//
// How the files and command lines of real post offices look is known in part
// only. Every script therefore runs twice, as lotus/<name> and alt/<name>, with
// post offices of the two shapes that package postoffice knows and the
// configuration that fits; they differ in every open point. So do the two in
// how the directory writes names that hold a comma. A script looks at import
// files through decode only, so that it need not know its shape.
//
// # Verbs
//
//	world EXCHANGE.LDIF POSTOFFICE.TXT
//
// starts a directory on a free port of 127.0.0.1 and makes a post office
// NORTHHUB in the folder po, both in this process' temporary folder, and writes
// ccdirsync.yaml with a connector hq that joins the two, in both directions,
// and the password files that it names. The directory holds o=Contoso,
// ou=HQ, and the containers cn=Recipients and, in it, cn=ccMail, before the
// records of the file are applied. URL, BIND and READER are set in the
// environment: where the directory listens, the account of ccdirsync and one
// that may not write; CODEPAGE is that of the shape. A second world takes the
// place of the first.
//
//	connector NAME POSTOFFICE SEED.TXT
//
// adds a connector of that name to ccdirsync.yaml, with a post office of its
// own in the folder NAME, the store NAME.store, the server NAME, the import
// container cn=NAME,cn=Recipients,ou=HQ,o=Contoso, which the directory must
// hold, and the site of hq.
//
//	config 'OLD' 'NEW'
//
// replaces a text that occurs once in ccdirsync.yaml. In OLD, \n is a line end
// and any indentation, in NEW a line end and the indentation of OLD.
//
//	exchange apply CHANGES.LDIF
//	exchange dump FILE [BASE]
//	exchange writes N
//	exchange fault conceal DN | busy DN | drop N | none
//	exchange stop | start
//
// apply makes changes as Exchange's own programs do. dump writes what people
// and programs have written, at and below BASE, with names and values in UTF-8.
// writes requires that the number of LDAP writes since the last look is N. The
// faults are those of exchange55.Faults. stop ends the directory; start starts
// it again with all it held, on another port, and corrects ccdirsync.yaml.
//
//	exitcode N PROGRAM [ARGUMENT...]
//
// runs a program and requires its exit code; stdout, stderr and cmp can look
// at what it wrote.
//
//	snapshot NAME [PATH...]
//	[!] same NAME
//
// snapshot remembers both sides: the whole directory with its operational
// attributes, and the data of all post offices but the faults to come. With
// paths it also remembers every file and folder below them, with content, mode
// and, of files, the time of the last change. same compares, byte for byte.
//
//	decode FILE OUT
//
// reads a directory file for IMPORT, insists on every detail of the shape, and
// writes its records in one form for both shapes: UTF-8, LF, the fields in the
// order Name, Locn, Addr, Cmts, a blank line between records.
//
//	json FILE CONNECTOR...
//
// requires that FILE, or stdout, is the JSON output of plan, run or show for these
// connectors: one object in a line for each, with the documented fields only,
// each of its type.
//
//	capture NAME PATTERN [FILE]
//
// sets the environment variable to what the one group of the pattern, a regular
// expression, matches in FILE, or stdout.
//
//	settled [CONNECTOR...]
//
// runs the connectors again, or all, and requires that nothing changes: exit
// code 0 or 3, no LDAP write, both sides the same byte for byte; and that plan
// --check finds no work.
//
// # Conditions
//
// [lotus] and [alt] are the shape; [root] says that files that nobody may read
// can be read all the same.
package scenario
