// Program make-go signs and verifies with the Go peer's own package, sigs.k8s.io/aws-iam-authenticator/pkg/token.
//
//	make-go vectors botocore.json go.json   signs the inputs of botocore.json and writes go.json
//	make-go sign   < rows > rows            signs a JSON list of inputs: {url, token} per input
//	make-go verify < tokens > verdicts      asks the peer's verifier about a JSON list of token texts
//
// The peer's generator keeps its clock in an unexported field; it is set by reflection, so the code that signs is
// the peer's and only the time is ours. Its verifier uses the default HTTP transport, which is replaced by one that
// answers every request with the same identity; it has no settable clock, so a token is given a far-away date before
// it is asked about (the verifier checks no signature, STS would).
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"runtime/debug"
	"strings"
	"time"
	"unsafe"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go/logging"
	"sigs.k8s.io/aws-iam-authenticator/pkg/token"
)

const prefix = "k8s-aws-v1."

type input struct {
	Name            string  `json:"name"`
	AccessKeyID     string  `json:"access_key_id"`
	SecretAccessKey string  `json:"secret_access_key"`
	SessionToken    *string `json:"session_token"`
	Host            string  `json:"host"`
	Region          string  `json:"region"`
	ClusterID       string  `json:"cluster_id"`
	UnixTime        int64   `json:"unix_time"`
}

type botocoreRow struct {
	input
	CanonicalRequest string `json:"canonical_request"`
	StringToSign     string `json:"string_to_sign"`
	Signature        string `json:"signature"`
	URL              string `json:"url"`
}

type signed struct {
	URL, Token, CanonicalRequest, StringToSign string
}

type goRow struct {
	Name             string `json:"name"`
	URL              string `json:"url"`
	Signature        string `json:"signature"`
	Token            string `json:"token"`
	SameAsBotocore   string `json:"same_as_botocore"`
	CanonicalRequest string `json:"canonical_request,omitempty"`
	StringToSign     string `json:"string_to_sign,omitempty"`
	BotocoreURL      string `json:"botocore_url,omitempty"`
	Note             string `json:"note,omitempty"`
}

// generatorAt is the peer's generator with its clock stopped at the given second.
func generatorAt(unixTime int64) token.Generator {
	peer, err := token.NewGenerator(false, false)
	must(err)
	stopped := reflect.New(reflect.TypeOf(peer)).Elem()
	stopped.Set(reflect.ValueOf(peer))
	clock := stopped.FieldByName("nowFunc")
	now := func() time.Time { return time.Unix(unixTime, 0).UTC() }
	reflect.NewAt(clock.Type(), unsafe.Pointer(clock.UnsafeAddr())).Elem().Set(reflect.ValueOf(now))
	return stopped.Interface().(token.Generator)
}

func sign(in input) signed {
	session := ""
	if in.SessionToken != nil {
		session = *in.SessionToken
	}
	var log bytes.Buffer
	client := sts.New(sts.Options{
		Region:        in.Region,
		BaseEndpoint:  aws.String("https://" + in.Host),
		Credentials:   credentials.NewStaticCredentialsProvider(in.AccessKeyID, in.SecretAccessKey, session),
		ClientLogMode: aws.LogSigning,
		Logger:        logging.NewStandardLogger(&log),
	})
	out, err := generatorAt(in.UnixTime).GetWithSTS(in.ClusterID, client)
	must(err)
	body, ok := strings.CutPrefix(out.Token, prefix)
	check(ok && !strings.Contains(body, "="), in.Name, "token text")
	url, err := base64.RawURLEncoding.DecodeString(body)
	must(err)
	return signed{
		URL: string(url), Token: out.Token,
		CanonicalRequest: section(log.String(), "---[ CANONICAL STRING  ]-----------------------------\n"),
		StringToSign:     section(log.String(), "---[ STRING TO SIGN ]--------------------------------\n"),
	}
}

// section is what the SDK's signing log has between one ruler and the next.
func section(log, ruler string) string {
	_, rest, found := strings.Cut(log, ruler)
	check(found, "signing log", ruler)
	text, _, _ := strings.Cut(rest, "\n---")
	return text
}

func parameter(url, name string) string {
	_, rest, found := strings.Cut(url, name+"=")
	check(found, url, name)
	value, _, _ := strings.Cut(rest, "&")
	return value
}

func vectors(from, to string) {
	var document struct {
		Oracle    string        `json:"oracle"`
		Rows      []botocoreRow `json:"rows"`
		BlankRows []botocoreRow `json:"blank_rows"`
	}
	text, err := os.ReadFile(from)
	must(err)
	must(json.Unmarshal(text, &document))
	result := map[string]any{
		"oracle":   "sigs.k8s.io/aws-iam-authenticator/pkg/token " + version("sigs.k8s.io/aws-iam-authenticator") + ", Generator.GetWithSTS",
		"sdk":      "aws-sdk-go-v2 " + version("github.com/aws/aws-sdk-go-v2") + ", service/sts " + version("github.com/aws/aws-sdk-go-v2/service/sts"),
		"compared": document.Oracle,
		"script":   "make-go/main.go",
		"inputs":   "the row of the same name in botocore.json",
	}
	counts := map[string]int{}
	for key, rows := range map[string][]botocoreRow{"rows": document.Rows, "blank_rows": document.BlankRows} {
		list := []goRow{}
		for _, row := range rows {
			list = append(list, compare(row))
			counts[key+" "+list[len(list)-1].SameAsBotocore]++
		}
		result[key] = list
	}
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	must(encoder.Encode(result))
	must(os.WriteFile(to, out.Bytes(), 0o644))
	fmt.Println(counts)
}

// compare signs the inputs of a botocore row; the stages are kept where they differ.
func compare(row botocoreRow) goRow {
	ours := sign(row.input)
	out := goRow{Name: row.Name, URL: ours.URL, Token: ours.Token, Signature: parameter(ours.URL, "X-Amz-Signature")}
	switch {
	case ours.URL == row.URL:
		out.SameAsBotocore = "url"
	case out.Signature == row.Signature:
		out.SameAsBotocore = "signature"
		out.Note = "the same parameters in another order"
	default:
		out.SameAsBotocore = "no"
		out.BotocoreURL = row.URL
		out.CanonicalRequest, out.StringToSign = ours.CanonicalRequest, ours.StringToSign
		switch {
		case row.SessionToken != nil && *row.SessionToken == "":
			out.Note = "an empty session token: botocore writes and signs X-Amz-Security-Token=, Go leaves the parameter out"
		case strings.Contains(row.ClusterID, "\t"):
			out.Note = "a tab inside a header value: botocore signs one space for it, Go signs the tab"
		default:
			panic(row.Name + ": unlike botocore, and nobody knows why")
		}
	}
	if out.SameAsBotocore != "no" {
		check(ours.CanonicalRequest == row.CanonicalRequest, row.Name, "canonical request")
		check(ours.StringToSign == row.StringToSign, row.Name, "string to sign")
	}
	return out
}

type always struct{}

func (always) RoundTrip(request *http.Request) (*http.Response, error) {
	body := `{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"Account":"111122223333",` +
		`"Arn":"arn:aws:iam::111122223333:user/Alice","UserId":"AIDACKCEVSQ6C2EXAMPLE"}}}`
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{}, Request: request,
		Body: io.NopCloser(strings.NewReader(body)),
	}, nil
}

var (
	date      = regexp.MustCompile(`(?i)(X-Amz-Date=)\d{8}T`)
	scopeDate = regexp.MustCompile(`(?i)(X-Amz-Credential=[A-Z0-9]+(?:%2F|/))\d{8}`)
)

// verdict is "accepted" or the peer's error for a verifier of the given partition.
func verdict(text, partition string) string {
	if body, ok := strings.CutPrefix(text, prefix); ok {
		if url, err := base64.RawURLEncoding.DecodeString(body); err == nil {
			moved := scopeDate.ReplaceAllString(date.ReplaceAllString(string(url), "${1}21260615T"), "${1}21260615")
			text = prefix + base64.RawURLEncoding.EncodeToString([]byte(moved))
		}
	}
	if _, err := token.NewVerifier("production", partition, "us-west-2").Verify(text); err != nil {
		return err.Error()
	}
	return "accepted"
}

func version(module string) string {
	info, ok := debug.ReadBuildInfo()
	check(ok, "build info", module)
	for _, dependency := range info.Deps {
		if dependency.Path == module {
			return dependency.Version
		}
	}
	panic("no module " + module)
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

func check(holds bool, where, what string) {
	if !holds {
		panic(where + ": " + what)
	}
}

func main() {
	http.DefaultTransport = always{}
	switch {
	case len(os.Args) == 4 && os.Args[1] == "vectors":
		vectors(os.Args[2], os.Args[3])
	case len(os.Args) == 2 && os.Args[1] == "sign":
		var inputs []input
		must(json.NewDecoder(os.Stdin).Decode(&inputs))
		out := []map[string]string{}
		for _, in := range inputs {
			result := sign(in)
			out = append(out, map[string]string{"url": result.URL, "token": result.Token})
		}
		must(json.NewEncoder(os.Stdout).Encode(map[string]any{"version": version("sigs.k8s.io/aws-iam-authenticator"), "rows": out}))
	case len(os.Args) == 2 && os.Args[1] == "verify":
		var questions []struct{ Token, Partition string }
		must(json.NewDecoder(os.Stdin).Decode(&questions))
		verdicts := []string{}
		for _, question := range questions {
			verdicts = append(verdicts, verdict(question.Token, question.Partition))
		}
		must(json.NewEncoder(os.Stdout).Encode(verdicts))
	default:
		fmt.Fprintln(os.Stderr, "usage: make-go vectors FROM TO | sign | verify")
		os.Exit(2)
	}
}
