// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause

// One end of an NCP connection, written from docs/ncp.md on flynn/noise, with nothing of ours in it:
// ncp_peer.c says what the two ends do.
//
//	ncp_peer control KEY-FILE PORT
//	ncp_peer node KEY-FILE PORT CONTROL-PUBLIC-KEY [PROLOGUE]
//	ncp_peer replay KEY-FILE PORT CONTROL-PUBLIC-KEY	the same first message, twice
//	ncp_peer vector FILE	the library against the vector that ours is tested with
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"

	"github.com/flynn/noise"
)

const (
	prologue     = "turnpike-ncp-1"
	recordText   = 65535 - 16
	snapshotFill = 3000000
	echoFill     = 200000
	echoes       = 4
	authKey      = "tpk-interop"
	epoch        = "0123456789abcdef"
)

var suite = noise.NewCipherSuite(noise.DH25519, noise.CipherChaChaPoly, noise.HashBLAKE2s)

type message map[string]interface{}

func check(err error) {
	if err != nil {
		fail(err)
	}
}

func fail(what interface{}) {
	fmt.Println("failed:", what)
	os.Exit(1)
}

func fill(n int) string {
	text := make([]byte, n)
	for i := range text {
		text[i] = byte('a' + i%23)
	}
	return string(text)
}

func parseKey(text string) []byte {
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
	check(err)
	return key
}

func keypair(secret []byte) noise.DHKey {
	pair, err := suite.GenerateKeypair(bytes.NewReader(secret))
	check(err)
	return pair
}

func loadKey(path string) noise.DHKey {
	text, err := os.ReadFile(path)
	check(err)
	return keypair(parseKey(string(text)))
}

// --- records and messages

type link struct {
	conn       net.Conn
	send, recv *noise.CipherState
}

func (l *link) writeRecord(record []byte) {
	length := make([]byte, 2)
	binary.BigEndian.PutUint16(length, uint16(len(record)))
	_, err := l.conn.Write(append(length, record...))
	check(err)
}

func (l *link) readRecord() ([]byte, error) {
	length := make([]byte, 2)
	if _, err := io.ReadFull(l.conn, length); err != nil {
		return nil, err
	}
	record := make([]byte, binary.BigEndian.Uint16(length))
	_, err := io.ReadFull(l.conn, record)
	return record, err
}

func (l *link) write(m message) {
	text, err := json.Marshal(m)
	check(err)
	rest := make([]byte, 4)
	binary.BigEndian.PutUint32(rest, uint32(len(text)))
	rest = append(rest, text...)
	for len(rest) > 0 {
		n := len(rest)
		if n > recordText {
			n = recordText
		}
		record, err := l.send.Encrypt(nil, nil, rest[:n])
		check(err)
		l.writeRecord(record)
		rest = rest[n:]
	}
}

func (l *link) open() []byte {
	record, err := l.readRecord()
	check(err)
	text, err := l.recv.Decrypt(nil, nil, record)
	check(err)
	return text
}

func (l *link) read() message {
	text := l.open()
	total := int(binary.BigEndian.Uint32(text))
	text = text[4:]
	for len(text) < total {
		text = append(text, l.open()...)
	}
	if len(text) != total {
		fail("a message does not end with its record")
	}
	var m message
	check(json.Unmarshal(text, &m))
	return m
}

// Answers pings on the way.
func (l *link) expect(kind string, n int) message {
	m := l.read()
	for m["type"] == "ping" {
		l.write(message{"type": "pong"})
		m = l.read()
	}
	if m["type"] != kind {
		fail(fmt.Sprintf("%v came, not %s", m["type"], kind))
	}
	if n > 0 && m["fill"] != fill(n) {
		fail("the text did not arrive as it was sent")
	}
	return m
}

// --- handshakes

func begin(key noise.DHKey, initiator bool, peer []byte, prologue string) *noise.HandshakeState {
	hs, err := noise.NewHandshakeState(noise.Config{CipherSuite: suite, Pattern: noise.HandshakeIK,
		Initiator: initiator, Prologue: []byte(prologue), StaticKeypair: key, PeerStatic: peer})
	check(err)
	return hs
}

func firstMessage(hs *noise.HandshakeState) []byte {
	payload := fmt.Sprintf(`{"v":1,"time":%d,"auth_key":"%s","agent":"interop/go"}`,
		time.Now().UnixMilli(), authKey)
	first, _, _, err := hs.WriteMessage(nil, []byte(payload))
	check(err)
	return first
}

func dial(port string) *link {
	conn, err := net.Dial("tcp", "127.0.0.1:"+port)
	check(err)
	check(conn.SetDeadline(time.Now().Add(60 * time.Second)))
	return &link{conn: conn}
}

func checkVersion(payload []byte) {
	var answer struct{ V int }
	check(json.Unmarshal(payload, &answer))
	if answer.V != 1 {
		fail("another version")
	}
}

func initiate(key noise.DHKey, port string, peer []byte, prologue string) *link {
	l := dial(port)
	hs := begin(key, true, peer, prologue)
	l.writeRecord(firstMessage(hs))
	second, err := l.readRecord()
	check(err)
	payload, send, recv, err := hs.ReadMessage(nil, second)
	check(err)
	checkVersion(payload)
	l.send, l.recv = send, recv
	return l
}

func respond(conn net.Conn, key noise.DHKey) *link {
	l := &link{conn: conn}
	hs := begin(key, false, nil, prologue)
	first, err := l.readRecord()
	check(err)
	payload, _, _, err := hs.ReadMessage(nil, first)
	check(err)
	var auth map[string]interface{}
	check(json.Unmarshal(payload, &auth))
	if auth["auth_key"] != authKey || auth["v"] != 1.0 {
		fail("another first payload")
	}
	fmt.Println("accepting", base64.StdEncoding.EncodeToString(hs.PeerStatic()))
	second, recv, send, err := hs.WriteMessage(nil, []byte(`{"v":1}`))
	check(err)
	l.writeRecord(second)
	l.send, l.recv = send, recv
	return l
}

// --- what the two ends do

func node(l *link) {
	l.write(message{"type": "hello", "kind": "node", "name": "interop"})
	snapshot := l.expect("snapshot", snapshotFill)
	l.write(message{"type": "ping"})
	l.expect("pong", 0)
	l.write(message{"type": "ack", "epoch": snapshot["epoch"], "revision": snapshot["revision"],
		"status": "applied"})
	sizes := []int{echoFill, 1, 2, 3}
	for _, n := range sizes {
		l.write(message{"type": "echo", "fill": fill(n)})
	}
	for _, n := range sizes {
		l.expect("echo", n)
	}
	l.write(message{"type": "bye"})
}

func control(key noise.DHKey, port string) {
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	check(err)
	fmt.Println("listening")
	conn, err := listener.Accept()
	check(err)
	check(conn.SetDeadline(time.Now().Add(60 * time.Second)))
	l := respond(conn, key)
	l.expect("hello", 0)
	l.write(message{"type": "snapshot", "epoch": epoch, "revision": 1, "networks": []int{},
		"fill": fill(snapshotFill)})
	if ack := l.expect("ack", 0); ack["status"] != "applied" || ack["epoch"] != epoch {
		fail("another ack")
	}
	for i := 0; i < echoes; i++ {
		l.write(l.expect("echo", 0))
	}
	l.expect("bye", 0)
}

// The second time there is an answer, too, but nothing that can be done with it.
func replay(key noise.DHKey, port string, peer []byte) {
	first := firstMessage(begin(key, true, peer, prologue))
	var answers [2][]byte
	for i := range answers {
		l := dial(port)
		l.writeRecord(first)
		answer, err := l.readRecord()
		check(err)
		answers[i] = answer
		l.conn.Close()
	}
	if bytes.Equal(answers[0], answers[1]) {
		fail("the same answer twice")
	}
}

// --- the vector

type vector struct {
	InitPrologue  string `json:"init_prologue"`
	InitStatic    string `json:"init_static"`
	InitEphemeral string `json:"init_ephemeral"`
	RemoteStatic  string `json:"init_remote_static"`
	Messages      []struct{ Payload, Ciphertext string }
}

func unhex(text string) []byte {
	b, err := hex.DecodeString(text)
	check(err)
	return b
}

func checkVector(path string) {
	var vectors []vector
	text, err := os.ReadFile(path)
	check(err)
	check(json.Unmarshal(text, &vectors))
	for _, v := range vectors {
		hs, err := noise.NewHandshakeState(noise.Config{CipherSuite: suite,
			Random: bytes.NewReader(unhex(v.InitEphemeral)), Pattern: noise.HandshakeIK,
			Initiator: true, Prologue: unhex(v.InitPrologue),
			StaticKeypair: keypair(unhex(v.InitStatic)), PeerStatic: unhex(v.RemoteStatic)})
		check(err)
		first, _, _, err := hs.WriteMessage(nil, unhex(v.Messages[0].Payload))
		check(err)
		if !bytes.Equal(first, unhex(v.Messages[0].Ciphertext)) {
			fail("the first message differs")
		}
	}
}

func main() {
	arg := append(os.Args[1:], "", "", "", "", "")
	switch arg[0] {
	case "control":
		control(loadKey(arg[1]), arg[2])
	case "node":
		if arg[4] == "" {
			arg[4] = prologue
		}
		node(initiate(loadKey(arg[1]), arg[2], parseKey(arg[3]), arg[4]))
	case "replay":
		replay(loadKey(arg[1]), arg[2], parseKey(arg[3]))
	case "vector":
		checkVector(arg[1])
	default:
		os.Exit(2)
	}
	fmt.Println("all went well")
}
