package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"ccdirsync/ldapsrc"
)

// Profile says how the directory looks: a name, or a base with what is unlike
// it. What is nil is the base's; what is empty is not there.
type Profile struct {
	Base            string            `yaml:"base"`
	Name            string            `yaml:"name"`
	Classes         ProfileClasses    `yaml:"classes"`
	Filter          *string           `yaml:"filter"`
	Attributes      ProfileAttributes `yaml:"attributes"`
	ProxyForm       *string           `yaml:"proxy_form"`
	Other           Names             `yaml:"other_attributes"`
	Lengths         map[string]int    `yaml:"lengths"`
	PageSize        *int              `yaml:"page_size"`
	Changes         *string           `yaml:"changes"`
	AdminSuffix     *string           `yaml:"admin_suffix"`
	KeyAttribute    *string           `yaml:"key_attribute"`
	CCMailAddresses *bool             `yaml:"ccmail_addresses"`
	Writable        *bool             `yaml:"writable"`
	ObjectClasses   ObjectClasses     `yaml:"object_classes"`
	Naming          *string           `yaml:"naming"`
	Required        map[string]string `yaml:"required"`
	Members         Members           `yaml:"members"`
}

// ProfileClasses are the values of objectClass that tell the classes of
// recipients.
type ProfileClasses struct {
	Mailbox          Names `yaml:"mailbox"`
	CustomRecipient  Names `yaml:"custom_recipient"`
	DistributionList Names `yaml:"distribution_list"`
	PublicFolder     Names `yaml:"public_folder"`
}

// ProfileAttributes are the names of attributes, see [ldapsrc.Fields].
type ProfileAttributes struct {
	DirectoryName  *string `yaml:"directory_name"`
	DisplayName    *string `yaml:"display_name"`
	Alias          *string `yaml:"alias"`
	GivenName      *string `yaml:"given_name"`
	Surname        *string `yaml:"surname"`
	Initials       *string `yaml:"initials"`
	Target         *string `yaml:"target"`
	Notes          *string `yaml:"notes"`
	ImportedFrom   *string `yaml:"imported_from"`
	Hidden         *string `yaml:"hidden"`
	TrustLevel     *string `yaml:"trust_level"`
	Deleted        *string `yaml:"deleted"`
	USNChanged     *string `yaml:"usn_changed"`
	USNCreated     *string `yaml:"usn_created"`
	USNLastRemoved *string `yaml:"usn_last_removed"`
	RichText       *string `yaml:"rich_text"`
	Reports        *string `yaml:"reports"`
	AdminText      *string `yaml:"admin_text"`
	SMTP           *string `yaml:"smtp"`
	SMTPSynonym    *string `yaml:"smtp_synonym"`
	X400           *string `yaml:"x400"`
	Proxies        *string `yaml:"proxies"`
}

// ObjectClasses are all values of objectClass of entries that are written.
type ObjectClasses struct {
	CustomRecipient  Names `yaml:"custom_recipient"`
	DistributionList Names `yaml:"distribution_list"`
}

// Members say how a list has its members.
type Members struct {
	Attribute *string `yaml:"attribute"`
	Empty     *bool   `yaml:"empty"`
}

// Names is a list of names, or one.
type Names []string

func (n *Names) setText(name string) {
	if *n = (Names{}); name != "" {
		*n = Names{name}
	}
}

func (p *Profile) setText(name string) { *p = Profile{Base: name} }

func (p *Profile) setDefaults() { *p = Profile{Base: "exchange55"} }

// Directory is the profile as the directory side takes it. The error joins what
// is wrong with it, each thing a [*ldapsrc.ProfileError] with the key in the
// profile, but for a base that is not known.
func (p Profile) Directory() (ldapsrc.Profile, error) {
	out, err := ldapsrc.ProfileByName(p.Base)
	if err != nil {
		return out, err
	}
	if p.Name != "" {
		out.Name = p.Name
	}
	p.classes(&out)
	p.Attributes.override(&out.Fields)
	override(&out.Filter, p.Filter)
	overrideText(&out.Proxies, p.ProxyForm)
	overrideText(&out.Changes, p.Changes)
	override(&out.PageSize, p.PageSize)
	override(&out.AdminSuffix, p.AdminSuffix)
	override(&out.KeyAttribute, p.KeyAttribute)
	override(&out.CCMailAddresses, p.CCMailAddresses)
	if p.Other != nil {
		out.Other = p.Other
	}
	for name, length := range p.Lengths {
		out.Lengths[strings.ToLower(name)] = length
	}
	override(&out.Fields.Members, p.Members.Attribute)
	override(&out.EmptyLists, p.Members.Empty)
	p.writing(&out.Write)
	return out, out.Validate()
}

// classes puts the classes of recipients into the profile. One that may share
// its objectClass with another comes first.
func (p Profile) classes(out *ldapsrc.Profile) {
	c := p.Classes
	if c.Mailbox == nil && c.CustomRecipient == nil && c.DistributionList == nil && c.PublicFolder == nil {
		return
	}
	base := out.Classes
	out.Classes = nil
	for _, class := range []struct {
		class ldapsrc.Class
		names Names
	}{
		{ldapsrc.CustomRecipient, c.CustomRecipient},
		{ldapsrc.Mailbox, c.Mailbox},
		{ldapsrc.DistributionList, c.DistributionList},
		{ldapsrc.PublicFolder, c.PublicFolder},
	} {
		if class.names == nil {
			out.Classes = append(out.Classes, slices.DeleteFunc(slices.Clone(base), func(o ldapsrc.ObjectClass) bool { return o.Class != class.class })...)
		}
		for _, name := range class.names {
			out.Classes = append(out.Classes, ldapsrc.ObjectClass{Name: name, Class: class.class})
		}
	}
}

func (a ProfileAttributes) override(f *ldapsrc.Fields) {
	for _, o := range []struct {
		field *string
		name  *string
	}{
		{&f.DirectoryName, a.DirectoryName},
		{&f.DisplayName, a.DisplayName},
		{&f.Alias, a.Alias},
		{&f.GivenName, a.GivenName},
		{&f.Surname, a.Surname},
		{&f.Initials, a.Initials},
		{&f.Target, a.Target},
		{&f.Notes, a.Notes},
		{&f.ImportedFrom, a.ImportedFrom},
		{&f.Hidden, a.Hidden},
		{&f.TrustLevel, a.TrustLevel},
		{&f.Deleted, a.Deleted},
		{&f.USNChanged, a.USNChanged},
		{&f.USNCreated, a.USNCreated},
		{&f.USNLastRemoved, a.USNLastRemoved},
		{&f.RichText, a.RichText},
		{&f.Reports, a.Reports},
		{&f.AdminText, a.AdminText},
		{&f.SMTP, a.SMTP},
		{&f.SMTPSynonym, a.SMTPSynonym},
		{&f.X400, a.X400},
		{&f.Proxies, a.Proxies},
	} {
		override(o.field, o.name)
	}
}

// writing puts what is written, and how, into the rules.
func (p Profile) writing(w *ldapsrc.WriteRules) {
	if p.Writable != nil {
		w.ReadOnly = !*p.Writable
	}
	if p.ObjectClasses.CustomRecipient != nil {
		w.RecipientClasses = p.ObjectClasses.CustomRecipient
	}
	if p.ObjectClasses.DistributionList != nil {
		w.ListClasses = p.ObjectClasses.DistributionList
	}
	override(&w.Naming, p.Naming)
	if p.Required == nil {
		return
	}
	w.Required = nil
	for attribute, from := range p.Required {
		w.Required = append(w.Required, ldapsrc.Required{Attribute: attribute, From: from})
	}
	slices.SortFunc(w.Required, func(a, b ldapsrc.Required) int { return strings.Compare(a.Attribute, b.Attribute) })
}

func override[T any](setting *T, value *T) {
	if value != nil {
		*setting = *value
	}
}

func overrideText[T ~string](setting *T, text *string) {
	if text != nil {
		*setting = T(*text)
	}
}

// followProfile gives the settings that the file leaves out the values that fit
// the profile. One with a problem changes nothing.
func (c *Connector) followProfile(w *walker) {
	p, err := c.Exchange.Profile.Directory()
	if err != nil {
		return
	}
	missing := func(key string) bool { return !w.given[c.Place+"."+key] }
	if missing("exchange.admin_view") {
		c.Exchange.AdminView = p.AdminSuffix != ""
	}
	if missing("exchange.page_size") {
		c.Exchange.PageSize = p.PageSize
	}
	// Of writes at the same time slapd leaves some out of a synchronization (seen).
	if missing("exchange.writes_in_flight") && p.Changes == ldapsrc.SyncreplChanges {
		c.Exchange.InFlight = 1
	}
	if c.Exchange.Import != nil && missing("exchange.import.key_attribute") {
		c.Exchange.Import.KeyAttribute = p.KeyAttribute
	}
	if missing("mapping.ccmail.without_proxy") && !p.CCMailAddresses {
		c.Mapping.CCMail.WithoutProxy = "rule"
	}
}

// validateProfile reports what is wrong with the profile, and with settings that
// a directory of this kind cannot fulfil.
func (c Connector) validateProfile(w *walker) {
	at := c.Place + ".exchange"
	p := c.Exchange.Profile
	base := at + ".profile"
	if w.given[base+".base"] {
		base += ".base"
	}
	if oneOf(w, base, p.Base, ldapsrc.Profiles()...); w.spoilt(base) {
		return
	}
	if p.ProxyForm != nil {
		oneOf(w, at+".profile.proxy_form", *p.ProxyForm, string(ldapsrc.SplitProxies), string(ldapsrc.WholeProxies), string(ldapsrc.NoProxies))
	}
	if p.Changes != nil {
		oneOf(w, at+".profile.changes", *p.Changes, string(ldapsrc.USNChanges), string(ldapsrc.SyncreplChanges), string(ldapsrc.NoChanges))
	}
	for name, length := range p.Lengths {
		if key := at + ".profile.lengths." + name; length < 1 && !w.spoilt(key) {
			w.complain(key, "must be 1 or more", "")
		}
	}
	if w.spoilt(at+".profile.proxy_form") || w.spoilt(at+".profile.changes") {
		return
	}
	directory, err := p.Directory()
	for _, problem := range profileErrors(err) {
		w.complain(at+".profile."+problem.Part, problem.Err.Error(), "")
	}
	if err == nil {
		c.Exchange.validateAdminView(w, at, directory)
		c.validateImport(w, directory)
	}
}

// profileErrors are what an error of a profile joins.
func profileErrors(err error) []*ldapsrc.ProfileError {
	var joined interface{ Unwrap() []error }
	if !errors.As(err, &joined) {
		return nil
	}
	var all []*ldapsrc.ProfileError
	for _, err := range joined.Unwrap() {
		var problem *ldapsrc.ProfileError
		if errors.As(err, &problem) {
			all = append(all, problem)
		}
	}
	return all
}

// validateAdminView makes sure that hidden entries are seen where there are
// any.
func (e Exchange) validateAdminView(w *walker, at string, p ldapsrc.Profile) {
	suffix := p.AdminSuffix
	switch {
	case !e.AdminView:
	case suffix == "":
		w.complain(at+".admin_view", fmt.Sprintf("is true, and the profile %s knows no such view", p.Name), "leave it out")
	case !strings.HasSuffix(strings.ToLower(strings.ReplaceAll(e.BindDN, " ", "")), strings.ToLower(suffix)):
		w.complain(at+".bind_dn", fmt.Sprintf("does not end in %s, so hidden entries of ours would not be seen and would look deleted", suffix),
			fmt.Sprintf("add %s, or set admin_view: false", suffix))
	}
}

// validateImport refuses what entries of this kind of directory have no room
// for: every cycle would want to write it again.
func (c Connector) validateImport(w *walker, p ldapsrc.Profile) {
	settings, at := c.Exchange.Import, c.Place+".exchange.import"
	if settings == nil || settings.Container == "" {
		return
	}
	if p.Write.ReadOnly {
		w.complain(at, fmt.Sprintf("has a container, and the profile %s is one of directories that cannot be written", p.Name),
			"leave the section out; what is in the directory can go to cc:Mail all the same")
		return
	}
	if settings.Grace > 0 && p.Fields.Hidden == "" && !w.spoilt(at+".grace") {
		w.complain(at+".grace", fmt.Sprintf("hides entries, and the profile %s has no attribute for that", p.Name), "leave it out")
	}
	for _, template := range []struct{ key, text, typ string }{
		{"smtp", settings.Addresses.SMTP, "SMTP"}, {"x400", settings.Addresses.X400, "X400"},
	} {
		if template.text != "" && !p.HoldsAddress(template.typ) {
			w.complain(at+".addresses."+template.key, fmt.Sprintf("has no attribute in the profile %s", p.Name), "leave it out")
		}
	}
	if c.Mapping.Exchange.SecondaryProxy && !p.HoldsSecondary("CCMAIL") {
		w.complain(c.Place+".mapping.exchange.secondary_proxy", fmt.Sprintf("is true, and the profile %s has no attribute for a second address", p.Name), "leave it out")
	}
}
