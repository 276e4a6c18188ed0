using System.Text;
using System.Text.Json.Nodes;
using Campfire.Realtime.Protocol.Json;

namespace Campfire.Realtime.Protocol.Tests.Json;

[Parallelizable(ParallelScope.All)]
internal sealed class PayloadReaderTests
{
    private const string Conversation = "11111111-2222-4333-8444-555555abcdef";

    private const string Message = $$"""
        {"sequence":42,"id":"0197d1a2-3b4c-7d5e-8f60-a1b2c3d4e5f6","conversation_id":"{{Conversation}}","organization_id":"99999999-8888-4777-8666-555555555555","content":"Hello","sender_type":"agent","created_at":"2026-11-22T22:48:46.834567Z"}
        """;

    private const string Summary = $$"""
        {"sequence":42,"id":"{{Conversation}}","organization_id":"99999999-8888-4777-8666-555555555555","status":"open","priority":"low","handler_type":"none","handler_epoch":0,"version":1,"last_sequence":42,"created_at":"2026-11-22T22:48:46Z","updated_at":"2026-11-22T22:48:46Z"}
        """;

    private const string Edited = $$"""{"sequence":42,"id":"{{Conversation}}","conversation_id":"{{Conversation}}","content":"x","edited_at":"2026-11-22T22:48:46Z"}""";
    private const string Deleted = $$"""{"sequence":42,"id":"{{Conversation}}","conversation_id":"{{Conversation}}","deleted_at":"2026-11-22T22:48:46Z"}""";
    private const string Requested = $$"""{"sequence":42,"conversation_id":"{{Conversation}}"}""";
    private const string Completed = $$"""{"sequence":42,"conversation_id":"{{Conversation}}","handler_type":"ai","handler_epoch":2}""";
    private const string Receipt = $$"""{"conversation_id":"{{Conversation}}","participant_type":"agent","participant_id":"a","delivered_through":2,"read_through":1}""";
    private const string Delta = $$"""{"conversation_id":"{{Conversation}}","message_id":"{{Conversation}}","content":"so"}""";

    private static readonly object[][] Stored =
    [
        ["message:created", Message, typeof(MessageCreated)],
        ["message:updated", Edited, typeof(MessageUpdated)],
        ["message:deleted", Deleted, typeof(MessageDeleted)],
        ["conversation:created", Summary, typeof(ConversationCreated)],
        ["conversation:updated", Summary, typeof(ConversationUpdated)],
        ["conversation:assigned", Summary, typeof(ConversationAssigned)],
        ["conversation:unassigned", Summary, typeof(ConversationUnassigned)],
        ["conversation:closed", Summary, typeof(ConversationClosed)],
        ["conversation:reopened", Summary, typeof(ConversationReopened)],
        ["conversation:archived", Summary, typeof(ConversationArchived)],
        ["ai:handover:requested", Requested, typeof(HandoverRequested)],
        ["ai:handover:completed", Completed, typeof(HandoverCompleted)],
    ];

    private static readonly object[][] Ephemeral =
    [
        ["read:receipt", Receipt, typeof(ReadReceipt)],
        ["ai:response:delta", Delta, typeof(AiResponseDelta)],
    ];

    [TestCaseSource(nameof(Stored))]
    public void Stored_event_is_read_as_its_type_with_name_sequence_and_conversation(string name, string json, Type type)
    {
        var stored = (StoredEvent)Read(name, json);

        Assert.That(stored, Is.TypeOf(type));
        Assert.That(stored.Name, Is.EqualTo(name));
        Assert.That(stored.Sequence, Is.EqualTo(42));
        Assert.That(stored.ConversationId, Is.EqualTo(Guid.Parse(Conversation)));
    }

    [TestCaseSource(nameof(Ephemeral))]
    public void Ephemeral_event_is_read_as_its_type(string name, string json, Type type)
    {
        ConversationEvent read = Read(name, json);

        Assert.That(read, Is.TypeOf(type));
        Assert.That(read.ConversationId, Is.EqualTo(Guid.Parse(Conversation)));
    }

    [TestCaseSource(nameof(Stored))]
    public void Stored_event_keeps_its_place_when_any_member_is_missing_null_or_of_another_type(string name, string json, Type type)
    {
        foreach ((string member, JsonNode? wrong, JsonObject broken) in Broken(json).Where(broken => broken.Member != "sequence"))
        {
            ConversationEvent read = Read(name, broken.ToJsonString());

            Assert.That(((StoredEvent)read).Sequence, Is.EqualTo(42));
            Assert.That(((StoredEvent)read).Name, Is.EqualTo(name));
            Assert.That(read, Is.TypeOf<UnknownStoredEvent>(), $"{type.Name} with {member} = {wrong?.ToJsonString() ?? "missing or null"}");
            Assert.That(JsonNode.DeepEquals(JsonNode.Parse(((UnknownStoredEvent)read).Payload.GetRawText()), broken), Is.True);
        }
    }

    [TestCaseSource(nameof(Ephemeral))]
    public void Ephemeral_event_that_cannot_be_read_never_takes_a_place_in_the_log(string name, string json, Type type)
    {
        foreach ((string member, JsonNode? wrong, JsonObject broken) in Broken(json))
        {
            broken["sequence"] = 42;
            Assert.That(Refusal(name, broken.ToJsonString()), Is.Not.Empty, $"{type.Name} with {member} = {wrong?.ToJsonString()}");
        }
    }

    [TestCase("typing:start")]
    [TestCase("typing:stop")]
    public void Typing_notice_never_takes_a_place_in_the_log(string name) => Assert.That(Refusal(name, """{"sequence":42}"""), Is.Not.Empty);

    [TestCaseSource(nameof(Stored))]
    public void Event_without_readable_sequence_is_an_error(string name, string json, Type type)
    {
        foreach (string sequence in new[] { "0", "-1", "null", "\"42\"", "1.5", "1e2", "9223372036854775808", "{}", "[42]", "true" })
            Assert.That(Refusal(name, json.Replace("\"sequence\":42", $"\"sequence\":{sequence}", StringComparison.Ordinal)), Is.Not.Empty, $"{type.Name} {sequence}");

        Assert.That(Refusal(name, json.Replace("\"sequence\":42,", "", StringComparison.Ordinal)), Does.Contain("sequence"));
    }

    [TestCaseSource(nameof(Stored))]
    public void Payload_cut_at_any_byte_is_an_error(string name, string json, Type type)
    {
        Assert.That(type, Is.Not.Null);
        for (int length = 0; length < json.Length; length++)
            Assert.That(Refusal(name, json[..length]), Is.Not.Empty, $"cut at {length}");
    }

    [TestCase("{}x")]
    [TestCase("""{"sequence":42}x""")]
    [TestCase("""{"sequence":42}{}""")]
    [TestCase("[]")]
    [TestCase("42")]
    [TestCase("null")]
    [TestCase("")]
    [TestCase("""{"a":{"sequence":42}}""")]
    [TestCase("""{"Sequence":42}""")]
    public void Unknown_event_without_its_own_sequence_is_an_error(string json)
    {
        Assert.That(Refusal("order:shipped", json), Is.Not.Empty);
        Assert.That(Refusal("message:created", json), Is.Not.Empty);
    }

    [Test]
    public void Unknown_event_keeps_name_payload_and_conversation()
    {
        var read = (UnknownStoredEvent)Read("message:pinned", $$"""{"x":[1],"conversation_id":"{{Conversation}}","sequence":7}""");

        Assert.That(read.Name, Is.EqualTo("message:pinned"));
        Assert.That(read.Sequence, Is.EqualTo(7));
        Assert.That(read.ConversationId, Is.EqualTo(Guid.Parse(Conversation)));
        Assert.That(read.Payload.GetProperty("x")[0].GetInt32(), Is.EqualTo(1));
    }

    [Test]
    public void Unreadable_conversation_event_still_tells_its_conversation() =>
        Assert.That(
            Read("conversation:updated", Summary.Replace("\"open\"", "\"snoozed\"", StringComparison.Ordinal)).ConversationId,
            Is.EqualTo(Guid.Parse(Conversation)));

    [Test]
    public void Unknown_event_of_an_unreadable_conversation_leaves_it_empty()
    {
        foreach (string id in new[] { "1", "null", "\"x\"", "{}", "\"\\ud800\"" })
            Assert.That(Read("message:pinned", $$"""{"conversation_id":{{id}},"sequence":7}""").ConversationId, Is.EqualTo(Guid.Empty));
    }

    [TestCaseSource(nameof(Stored))]
    public void Of_a_sequence_given_twice_the_last_counts_for_every_event(string name, string json, Type type)
    {
        var read = (StoredEvent)Read(name, json.Replace("\"sequence\":42", "\"sequence\":41", StringComparison.Ordinal)[..^1] + ",\"sequence\":42}");

        Assert.That(read, Is.TypeOf(type));
        Assert.That(read.Sequence, Is.EqualTo(42));
    }

    [TestCase("\"\\ud800\"")]
    [TestCase("\"\\udc00\\ud800\"")]
    public void Content_with_half_of_a_surrogate_pair_keeps_its_place(string content) =>
        Assert.That(Read("message:created", Message.Replace("\"Hello\"", content, StringComparison.Ordinal)), Is.TypeOf<UnknownStoredEvent>());

    [Test]
    public void Property_name_with_half_of_a_surrogate_pair_does_not_throw()
    {
        foreach (object[] stored in Stored)
        {
            string json = """{"\ud800":1,""" + ((string)stored[1])[1..];
            PayloadReader.TryReadConversationEvent((string)stored[0], Encoding.UTF8.GetBytes(json), out ConversationEvent? read, out string? error);
            Assert.That(read is StoredEvent { Sequence: 42 } || error is not null, Is.True);
        }
    }

    [Test]
    public void Payload_that_is_not_UTF8_is_an_error()
    {
        foreach (object[] stored in Stored.Append(["order:shipped", """{"sequence":42,"x":"y"}"""]))
        {
            byte[] bytes = Encoding.Latin1.GetBytes("{\"extra\":\"\u00ff\"," + ((string)stored[1])[1..]);
            Assert.That(PayloadReader.TryReadConversationEvent((string)stored[0], bytes, out ConversationEvent? read, out string? error), Is.False);
            Assert.That(read, Is.Null);
            Assert.That(error, Does.Contain("UTF-8"));
        }
    }

    [TestCase("{}")]
    [TestCase("{ }")]
    [TestCase("null")]
    public void Metadata_without_content_is_null(string metadata) => Assert.That(ReadMetadata(metadata).Metadata, Is.Null);

    [Test]
    public void Metadata_with_content_is_kept()
    {
        MessageCreated message = ReadMetadata("""{"a":{},"b":{"c":"\u00e9"}}""");

        Assert.That(message.Metadata!.Value.GetProperty("b").GetProperty("c").GetString(), Is.EqualTo("é"));
        Assert.That(message.Sequence, Is.EqualTo(42));
    }

    [TestCase("[]")]
    [TestCase("1")]
    [TestCase("\"x\"")]
    public void Metadata_that_is_no_object_is_not_readable(string metadata) =>
        Assert.That(Read("message:created", WithMember("metadata", metadata)), Is.TypeOf<UnknownStoredEvent>());

    [Test]
    public void Message_without_attachments_has_an_empty_list()
    {
        Assert.That(((MessageCreated)Read("message:created", Message)).Attachments, Is.Empty);
        Assert.That(((MessageCreated)Read("message:created", WithMember("attachments", "[]"))).Attachments, Is.Empty);
    }

    [TestCase("null")]
    [TestCase("{}")]
    [TestCase("[null]")]
    [TestCase("[1]")]
    [TestCase("[{}]")]
    [TestCase("""[{"file_name":null,"content_type":"a/b","size_bytes":1,"storage_path":"p"}]""")]
    [TestCase("""[{"file_name":"f","content_type":"a/b","size_bytes":"1","storage_path":"p"}]""")]
    public void Attachments_that_are_no_files_are_not_readable(string attachments) =>
        Assert.That(Read("message:created", WithMember("attachments", attachments)), Is.TypeOf<UnknownStoredEvent>());

    [TestCase(100)]
    [TestCase(20_000)]
    public void Message_with_deeply_nested_metadata_keeps_its_place(int depth)
    {
        // In jsonb order, metadata comes before sequence.
        string nested = $$"""{"a":{{new string('[', depth)}}{{new string(']', depth)}}}""";
        string json = $$"""{"metadata":{{nested}},""" + Message[1..];

        Assert.That(((StoredEvent)Read("message:created", json)).Sequence, Is.EqualTo(42));
        Assert.That(((StoredEvent)Read("order:shipped", json)).Sequence, Is.EqualTo(42));
    }

    [Test]
    public void Payload_of_five_megabytes_is_read_whole()
    {
        var message = (MessageCreated)Read("message:created", Message.Replace("Hello", new string('ü', 2_500_000), StringComparison.Ordinal));

        Assert.That(message.Content, Has.Length.EqualTo(2_500_000));
    }

    [Test]
    public void Notice_of_typing_that_is_wrong_is_an_error_and_not_an_exception()
    {
        foreach (string json in new[] { "", "null", "[]", "{}", """{"conversation_id":"x"}""", "{\"sender_id\":\"\\ud800\"}" })
        {
            Assert.That(PayloadReader.TryRead(Encoding.UTF8.GetBytes(json), CampfireJsonContext.Default.TypingNotice, out TypingNotice? notice, out string? error), Is.False);
            Assert.That(notice, Is.Null);
            Assert.That(error, Is.Not.Empty);
        }
    }

    [Test]
    public void Error_never_repeats_the_payload()
    {
        foreach (string json in new[] { Message.Replace("42", "\"secret\"", StringComparison.Ordinal), """{"content":"secret","sequence":secret}""", "\"secret\"" })
            Assert.That(Refusal("message:created", json), Does.Not.Contain("secret"));
    }

    private static string WithMember(string name, string json) => $$"""{"{{name}}":{{json}},""" + Message[1..];

    private static MessageCreated ReadMetadata(string metadata) => (MessageCreated)Read("message:created", WithMember("metadata", metadata));

    /// <summary>The payload with each member missing, null, and of every type that it is not.</summary>
    private static IEnumerable<(string Member, JsonNode? Wrong, JsonObject Broken)> Broken(string json)
    {
        foreach (string member in JsonNode.Parse(json)!.AsObject().Select(pair => pair.Key))
        {
            JsonObject missing = JsonNode.Parse(json)!.AsObject();
            missing.Remove(member);
            yield return (member, null, missing);

            foreach (string wrong in new[] { "null", "[]", "{}", "true", json.Contains($"\"{member}\":\"", StringComparison.Ordinal) ? "1" : "\"1\"" })
            {
                JsonObject broken = JsonNode.Parse(json)!.AsObject();
                broken[member] = JsonNode.Parse(wrong);
                yield return (member, broken[member], broken);
            }
        }
    }

    private static ConversationEvent Read(string name, string json)
    {
        Assert.That(PayloadReader.TryReadConversationEvent(name, Encoding.UTF8.GetBytes(json), out ConversationEvent? result, out string? error), Is.True, error);
        return result!;
    }

    private static string Refusal(string name, string json)
    {
        Assert.That(PayloadReader.TryReadConversationEvent(name, Encoding.UTF8.GetBytes(json), out ConversationEvent? result, out string? error), Is.False, json);
        Assert.That(result, Is.Null);
        return error!;
    }
}
