using System.Text;
using System.Text.Json.Nodes;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Conformance.Tests;

public sealed class FramingTests
{
    private static readonly byte[] _bytes = [0, 1, 2, 255];

    [Test]
    public async Task Point_12_text_frames_of_version_2_are_arrays_of_five()
    {
        await using var socket = await Target.ConnectAsync();
        var topic = $"realtime:{Guid.NewGuid()}";

        await socket.SendAsync($$$"""["1","1","{{{topic}}}","phx_join",{"config":{}}]""");

        Assert.That((await socket.NextAsync()).Text, Is.EqualTo(
            $$$"""["1","1","{{{topic}}}","phx_reply",{"status":"ok","response":{"postgres_changes":[]}}]"""));
    }

    [Test]
    public async Task Point_12_refs_are_any_strings_and_a_sixth_element_is_ignored()
    {
        await using var socket = await Target.ConnectAsync();
        var topic = $"realtime:{Guid.NewGuid()}";

        await socket.SendAsync($$$"""["jöin \"1\"","é😀","{{{topic}}}","phx_join",{"config":{}},{"more":1}]""");

        var reply = await socket.NextAsync();
        Assert.That((reply.JoinRef, reply.Ref, (string?)reply.Payload!["status"]), Is.EqualTo(("jöin \"1\"", "é😀", "ok")));
    }

    // The vectors of realtime-js, byte for byte: JSON, bytes, and JSON with metadata, which goes no further.
    [Test]
    public async Task Point_13_golden_pushes_arrive_as_golden_kind_4_bytes()
    {
        await using var socket = await Target.ConnectAsync();
        await socket.SendAsync("""["1","1","realtime:r","phx_join",{"config":{"broadcast":{"self":true}}}]""");
        await socket.ReplyToAsync("1");

        await socket.SendAsync(Convert.FromHexString("0301010A01000131327265616C74696D653A72657B2261223A317D"));
        await socket.SendAsync(Convert.FromHexString("0301010A01000031337265616C74696D653A726500FF"));
        await socket.SendAsync(Convert.FromHexString("0301010A01100131347265616C74696D653A72657B2270657273697374223A747275657D7B2261223A317D"));

        string[] received = [await HexAsync(), await HexAsync(), await HexAsync()];
        Assert.That(received, Is.EqualTo(new[]
        {
            "040A0100017265616C74696D653A72657B2261223A317D",
            "040A0100007265616C74696D653A726500FF",
            "040A0100017265616C74696D653A72657B2261223A317D",
        }));

        async Task<string> HexAsync() => Convert.ToHexString((await socket.BinaryAsync()).Bytes);
    }

    [TestCase("é")]
    [TestCase("😀")]
    public async Task Point_14_lengths_count_bytes_up_to_255(string letter)
    {
        var userEvent = string.Concat(Enumerable.Repeat(letter, 255 / Encoding.UTF8.GetByteCount(letter)));
        userEvent = userEvent.PadRight(userEvent.Length + 255 - Encoding.UTF8.GetByteCount(userEvent), 'x');
        var topic = $"realtime:{letter}{Guid.NewGuid()}";
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, new() { ["broadcast"] = new JsonObject { ["self"] = true } });

        await socket.SendAsync(BinaryFrames.Push(joinRef, "2", topic, userEvent, "{}"u8.ToArray(), isBinary: false));

        var frame = (await socket.BinaryAsync()).Bytes;
        Assert.That((frame[1], frame[2]), Is.EqualTo(((byte)Encoding.UTF8.GetByteCount(topic), (byte)255)));
        var read = BinaryFrames.Read(frame);
        Assert.That((read.Topic, read.Event, read.Metadata, Encoding.UTF8.GetString(read.Payload)), Is.EqualTo((topic, userEvent, "", "{}")));
    }

    [TestCase("not json")]
    [TestCase("")]
    [TestCase("null")]
    [TestCase("{}")]
    [TestCase("[]")]
    [TestCase("""["1","1"]""")]
    [TestCase("""["1","1","realtime:x","phx_join"]""")]
    [TestCase("""[1,2,3,4,5]""")]
    [TestCase("""["1","1","realtime:x","phx_join",{"config":{}}""")]
    public async Task Point_15_a_malformed_text_frame_is_dropped_and_the_socket_stays(string frame)
    {
        await using var socket = await Target.ConnectAsync();

        await socket.SendAsync(frame);
        var reference = await socket.PushAsync("phoenix", "heartbeat", null);

        Assert.That((await socket.NextAsync()).Ref, Is.EqualTo(reference), "nothing was answered before");
    }

    [TestCase("""{"event":"phx_join","payload":{"config":{}},"ref":"1"}""")]
    [TestCase("""{"topic":"realtime:x","payload":{"config":{}},"ref":"1"}""")]
    [TestCase("""{"topic":"realtime:x","event":"phx_join","ref":"1"}""")]
    [TestCase("""{"topic":"realtime:x","event":"phx_join","payload":{"config":{}}}""")]
    [TestCase("""["1","1","realtime:x","phx_join",{"config":{}}]""")]
    public async Task Point_15_a_frame_of_version_1_without_a_member_is_dropped_and_the_socket_stays(string frame)
    {
        await using var socket = await Target.ConnectAsync("1.0.0");

        await socket.SendAsync(frame);
        var reference = await socket.PushAsync("phoenix", "heartbeat", null);

        Assert.That((await socket.NextAsync()).Ref, Is.EqualTo(reference), "nothing was answered before");
    }

    [TestCase(new byte[0])]
    [TestCase(new byte[] { 9 })]
    [TestCase(new byte[] { 3 })]
    [TestCase(new byte[] { 3, 200, 200 })]
    [TestCase(new byte[] { 3, 1, 1, 255, 1, 0, 1, 49 })]
    [TestCase(new byte[] { 3, 1, 1, 2, 1, 2, 1, 49, 50, 104, 105, 101, 123, 33, 123, 125 })]
    public async Task Point_15_a_malformed_binary_frame_is_dropped_and_the_socket_stays(byte[] frame)
    {
        await using var socket = await Target.ConnectAsync();

        await socket.SendAsync(frame);
        var reference = await socket.PushAsync("phoenix", "heartbeat", null);

        Assert.That((await socket.NextAsync()).Ref, Is.EqualTo(reference), "nothing was answered before");
    }

    [Test]
    public async Task Point_15_a_push_whose_metadata_is_no_JSON_is_dropped()
    {
        var topic = $"realtime:{Guid.NewGuid()}";
        await using var socket = await Target.ConnectAsync();
        var (joinRef, _) = await socket.JoinAsync(topic, JsonNode.Parse("""{"broadcast":{"self":true,"ack":true}}""")!.AsObject());

        await socket.SendAsync(BinaryFrames.Push(joinRef, "7", topic, "e", "{}"u8.ToArray(), isBinary: false, metadata: "{!"));
        await socket.BarrierAsync(topic, joinRef);

        Assert.That(socket.Unread, Is.Empty);
    }

    [Test]
    public async Task Point_16_frames_of_version_1_have_exactly_four_members()
    {
        var topic = $"realtime:{Guid.NewGuid()}";
        await using var socket = await Target.ConnectAsync("1.0.0");
        var config = JsonNode.Parse("""{"presence":{"enabled":true},"broadcast":{"self":true,"replication_ready":true},"postgres_changes":[{"schema":"none"}]}""")!;

        await socket.PushAsync(topic, "phx_join", new JsonObject { ["config"] = config }, "1", "1");
        await socket.PushAsync("phoenix", "heartbeat", null, null, "2");
        await socket.PushAsync(topic, "presence", JsonNode.Parse("""{"event":"track","payload":{}}"""), "1", "3");
        await socket.PushAsync(topic, "broadcast", new JsonObject(), "1", "4");
        await socket.ReceiveAsync(frame => frame.Event == "system" && (string?)frame.Payload!["extension"] == "system");
        await socket.PushAsync(topic, "phx_leave", new JsonObject(), "1", "5");

        var seen = new HashSet<string>();
        while (!seen.Contains("phx_close"))
        {
            var frame = await socket.NextAsync();
            seen.Add(frame.Event!);
            Assert.That(frame.Json.AsObject().Select(pair => pair.Key), Is.EquivalentTo(new[] { "topic", "event", "payload", "ref" }), frame.Text);
        }
        Assert.That(seen, Is.SupersetOf(new[] { "phx_reply", "presence_state", "presence_diff", "broadcast", "phx_close" }));
    }

    [Test]
    public async Task Point_16_without_a_join_ref_the_close_of_version_1_has_no_ref()
    {
        var topic = $"realtime:{Guid.NewGuid()}";
        await using var socket = await Target.ConnectAsync("1.0.0");

        await socket.SendAsync($$$"""{"topic":"{{{topic}}}","event":"phx_join","payload":{"config":{}},"ref":"1"}""");
        await socket.SendAsync($$$"""{"topic":"{{{topic}}}","event":"phx_leave","payload":{},"ref":"2"}""");

        Assert.That((await socket.NextAsync()).Ref, Is.EqualTo("1"));
        Assert.That((await socket.NextAsync()).Ref, Is.EqualTo("2"));
        var closed = await socket.NextAsync();
        Assert.That((closed.Event, closed.Ref), Is.EqualTo(("phx_close", (string?)null)));
    }

    [TestCaseSource(nameof(Origins))]
    public async Task Point_17_origin_and_member_decide_on_the_form(string origin, string version2, string? version1)
    {
        var user = Guid.NewGuid().ToString();
        var isPrivate = origin.StartsWith("database", StringComparison.Ordinal);
        var subTopic = $"user:{user}";
        var topic = "realtime:" + subTopic;
        await using var member = await Target.ConnectAsync();
        await using var old = await Target.ConnectAsync("1.0.0");
        await using var sender = await Target.ConnectAsync();
        var config = new JsonObject { ["private"] = isPrivate, ["broadcast"] = JsonNode.Parse("""{"ack":true,"replication_ready":true}""") };
        foreach (var socket in new[] { member, old, sender })
        {
            await socket.JoinAsync(topic, (JsonObject)config.DeepClone(), Target.TokenFor(user));
            await socket.EventAsync("system");
        }

        await SendAsync(origin, sender, topic, subTopic);
        // Behind a binary one, so that whoever does not get the first has something to wait for.
        await SendAsync("text", sender, topic, subTopic, userEvent: "last");

        Assert.That(await ReceivedAsync(member), Is.EqualTo(version2));
        Assert.That(await ReceivedAsync(old), Is.EqualTo(version1 ?? "text last"));
    }

    [Test]
    public async Task Point_18_a_binary_payload_never_reaches_version_1()
    {
        var topic = $"realtime:{Guid.NewGuid()}";
        await using var sender = await Target.ConnectAsync();
        await using var old = await Target.ConnectAsync("1.0.0");
        var (joinRef, _) = await sender.JoinAsync(topic, new() { ["broadcast"] = new JsonObject { ["ack"] = true } });
        await old.JoinAsync(topic);

        await sender.SendAsync(BinaryFrames.Push(joinRef, "7", topic, "bytes", _bytes, isBinary: true));
        await sender.ReplyToAsync("7");
        await sender.PushAsync(topic, "broadcast", JsonNode.Parse("""{"type":"broadcast","event":"text","payload":{}}"""), joinRef);

        var first = await old.EventAsync("broadcast");
        Assert.That(first.Payload!["event"]!.ToString(), Is.EqualTo("text"));
    }

    private static IEnumerable<TestCaseData> Origins()
    {
        yield return new TestCaseData("text", "text e", "text e");
        yield return new TestCaseData("kind 3 JSON", "json e", "text e");
        yield return new TestCaseData("kind 3 binary", "binary e", null);
        yield return new TestCaseData("REST batch", "text e", "text e");
        yield return new TestCaseData("REST JSON", "json e", "text e");
        yield return new TestCaseData("REST binary", "binary e", null);
        yield return new TestCaseData("database JSON", "json e with id", "text e with id");
        yield return new TestCaseData("database binary", "binary e with id", null);
    }

    private static async Task SendAsync(string origin, PlainSocket sender, string topic, string subTopic, string userEvent = "e")
    {
        switch (origin)
        {
            case "text":
                await sender.ReplyToAsync(await sender.PushAsync(
                    topic, "broadcast", new JsonObject { ["type"] = "broadcast", ["event"] = userEvent, ["payload"] = new JsonObject { ["a"] = 1 } }, "1"));
                break;
            case "kind 3 JSON" or "kind 3 binary":
                await sender.SendAsync(BinaryFrames.Push("1", "b", topic, userEvent, """{"a":1}"""u8.ToArray(), origin == "kind 3 binary"));
                await sender.ReplyToAsync("b");
                break;
            case "REST batch":
                await Rest.PostJsonAsync("broadcast", $$$"""{"messages":[{"topic":"{{{subTopic}}}","event":"{{{userEvent}}}","payload":{"a":1}}]}""");
                break;
            case "REST JSON":
                await Rest.PostJsonAsync($"broadcast/{subTopic}/events/{userEvent}", """{"a":1}""");
                break;
            case "REST binary":
                await Rest.PostAsync($"broadcast/{subTopic}/events/{userEvent}", Rest.Bytes(_bytes));
                break;
            case "database JSON":
                await Target.ExecuteAsync($$"""select realtime.send('{"a":1}', '{{userEvent}}', '{{subTopic}}', true)""");
                await sender.ReceiveAsync(frame => frame.IsBinary);
                break;
            case "database binary":
                await Target.ExecuteAsync($$"""select realtime.send_binary('\x000102ff'::bytea, '{{userEvent}}', '{{subTopic}}', true)""");
                await sender.ReceiveAsync(frame => frame.IsBinary);
                break;
        }
    }

    private static async Task<string> ReceivedAsync(PlainSocket socket)
    {
        var frame = await socket.ReceiveAsync(frame => frame.IsBinary || frame.Event == "broadcast");
        if (!frame.IsBinary)
        {
            Assert.That((frame.JoinRef, frame.Ref), Is.EqualTo(((string?)null, (string?)null)));
            return $"text {frame.Payload!["event"]}{(frame.Payload["meta"]?["id"] is null ? "" : " with id")}";
        }
        var (_, userEvent, metadata, isBinary, _) = BinaryFrames.Read(frame.Bytes);
        return $"{(isBinary ? "binary" : "json")} {userEvent}{(metadata.Length == 0 ? "" : " with id")}";
    }
}
