package exchange55

import (
	"github.com/glauth/ldap"
	ber "github.com/go-asn1-ber/asn1-ber"

	"ccdirsync/testenv/pdu"
)

// result is the end of an answer: what the client reads instead of what the
// protocol library wrote.
type result struct {
	code       ldap.LDAPResultCode
	diagnostic string
	controls   *ber.Packet // nil for none
}

func refused(r *refusal) result {
	return result{code: r.code, diagnostic: r.diagnostic}
}

// responseTags are the application tags of the answers, by the identifier
// octet of the request.
var responseTags = map[pdu.Op]ber.Tag{
	pdu.BindRequest: ldap.ApplicationBindResponse, pdu.SearchRequest: ldap.ApplicationSearchResultDone,
	pdu.ModifyRequest: ldap.ApplicationModifyResponse, pdu.AddRequest: ldap.ApplicationAddResponse,
	pdu.DeleteRequest: ldap.ApplicationDelResponse, pdu.RenameRequest: ldap.ApplicationModifyDNResponse,
	pdu.CompareRequest: ldap.ApplicationCompareResponse, pdu.ExtendedRequest: ldap.ApplicationExtendedResponse,
}

// encode writes the message that ends the answer to a request. The matched
// name is always empty.
func (r result) encode(req request) []byte {
	message := envelope(req.id)
	response := resultSequence(responseTags[req.op], r.code, r.diagnostic)
	message.AppendChild(response)
	if r.controls != nil {
		message.AppendChild(r.controls)
	}
	return message.Bytes()
}

// noticeOfDisconnection tells the client why the connection ends (RFC 4511
// section 4.4.1).
func noticeOfDisconnection(why string) []byte {
	message := envelope(0)
	response := resultSequence(ldap.ApplicationExtendedResponse, ldap.LDAPResultProtocolError, why)
	response.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 10, "1.3.6.1.4.1.1466.20036", "responseName"))
	message.AppendChild(response)
	return message.Bytes()
}

func envelope(id int64) *ber.Packet {
	message := ber.NewSequence("LDAPMessage")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, "messageID"))
	return message
}

func resultSequence(tag ber.Tag, code ldap.LDAPResultCode, diagnostic string) *ber.Packet {
	response := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "response")
	response.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, int64(code), "resultCode"))
	response.AppendChild(octets("", "matchedDN"))
	response.AppendChild(octets(diagnostic, "diagnosticMessage"))
	return response
}

func octets(value, description string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, value, description)
}

// neutral writes the request that the protocol library gets to see: of the
// same operation and number, with nothing in it that the library mangles,
// refuses or trips over. What it leaves out the handler takes from the
// decoded request.
func neutral(req request) []byte {
	message := envelope(req.id)
	switch op := req.operation.(type) {
	case bindOperation:
		body := application(ldap.ApplicationBindRequest)
		body.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, int64(3), "version"))
		body.AppendChild(octets("", "name"))
		body.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, "", "simple"))
		message.AppendChild(body)
	case searchOperation:
		message.AppendChild(neutralSearch())
	case modifyOperation:
		message.AppendChild(pair(ldap.ApplicationModifyRequest, ber.NewSequence("changes")))
	case addOperation:
		message.AppendChild(pair(ldap.ApplicationAddRequest, ber.NewSequence("attributes")))
	case deleteOperation:
		message.AppendChild(ber.NewString(ber.ClassApplication, ber.TypePrimitive, ldap.ApplicationDelRequest, op.dn, "delete"))
	case renameOperation:
		body := pair(ldap.ApplicationModifyDNRequest, octets("", "newrdn"))
		body.AppendChild(ber.NewBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, true, "deleteoldrdn"))
		message.AppendChild(body)
	case compareOperation:
		assertion := ber.NewSequence("ava")
		assertion.AppendChild(octets("", "attribute"))
		assertion.AppendChild(octets("", "value"))
		message.AppendChild(pair(ldap.ApplicationCompareRequest, assertion))
	case extendedOperation:
		body := application(ldap.ApplicationExtendedRequest)
		body.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, "", "requestName"))
		message.AppendChild(body)
	case unbindOperation:
		message.AppendChild(ber.NewString(ber.ClassApplication, ber.TypePrimitive, ldap.ApplicationUnbindRequest, "", "unbind"))
	}
	return message.Bytes()
}

func application(tag ber.Tag) *ber.Packet {
	return ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "request")
}

// pair is a request of an empty name and one more part.
func pair(tag ber.Tag, second *ber.Packet) *ber.Packet {
	body := application(tag)
	body.AppendChild(octets("", "object"))
	body.AppendChild(second)
	return body
}

func neutralSearch() *ber.Packet {
	body := application(ldap.ApplicationSearchRequest)
	body.AppendChild(octets("", "baseObject"))
	for _, description := range []string{"scope", "derefAliases"} {
		body.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, int64(0), description))
	}
	for _, description := range []string{"sizeLimit", "timeLimit"} {
		body.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, int64(0), description))
	}
	body.AppendChild(ber.NewBoolean(ber.ClassUniversal, ber.TypePrimitive, ber.TagBoolean, false, "typesOnly"))
	body.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, ldap.FilterPresent, "objectClass", "filter"))
	body.AppendChild(ber.NewSequence("attributes"))
	return body
}

// isEntry reports whether a message of the library is one entry of a search
// answer.
func isEntry(message []byte) bool {
	m, err := pdu.ParseMessage(message)
	return err == nil && m.Op == pdu.SearchEntry
}
