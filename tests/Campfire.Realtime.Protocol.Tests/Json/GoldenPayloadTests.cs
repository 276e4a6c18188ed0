using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Campfire.Realtime.Protocol.Json;

namespace Campfire.Realtime.Protocol.Tests.Json;

/// <summary>The JSON of every payload, letter for letter: other languages and stored logs depend on it.</summary>
[Parallelizable(ParallelScope.All)]
internal sealed class GoldenPayloadTests
{
    private const string Message = "0197d1a2-3b4c-7d5e-8f60-a1b2c3d4e5f6";
    private const string Conversation = "11111111-2222-4333-8444-555555abcdef";
    private const string Org = "99999999-8888-4777-8666-555555555555";

    private const string FullMessage = $$"""
        {"sequence":42,"id":"{{Message}}","conversation_id":"{{Conversation}}","organization_id":"{{Org}}","content":"Grüße 😀 \"<b>\"","sender_type":"visitor","sender_id":"v-1","sender_name":"Ada","sender_email":"ada@example.org","attachments":[{"id":"{{Org}}","file_name":"a.png","content_type":"image/png","size_bytes":5000000000,"storage_path":"x/a.png"}],"metadata":{"k":[1]},"created_at":"2026-11-22T22:48:46.834567Z"}
        """;

    private const string FullSummary = $$"""
        {"id":"{{Conversation}}","organization_id":"{{Org}}","visitor_id":"{{Message}}","customer_name":"Ada","customer_email":"ada@example.org","status":"assigned","priority":"urgent","assigned_agent_id":"{{Message}}","handler_type":"human","handler_id":"h","handler_epoch":3,"handover_requested_at":"2026-11-22T22:48:45.000000Z","version":17,"last_sequence":42,"last_message_preview":"Grüße","last_message_at":"2026-11-22T22:48:46.000001Z","last_message_sender_type":"ai","created_at":"2026-11-22T00:00:00.000000Z","updated_at":"2026-11-22T22:48:46.834567Z"}
        """;

    private static readonly TestCaseData[] Payloads =
    [
        Case(CampfireJsonContext.Default.MessageCreated, FullMessage),
        Case(
            CampfireJsonContext.Default.MessageCreated,
            FullMessage.Replace("\"created_at\"", "\"edited_at\":\"2026-11-22T22:50:00.000001Z\",\"deleted_at\":\"2026-11-22T22:51:00.000001Z\",\"created_at\"", StringComparison.Ordinal)),
        Case(
            CampfireJsonContext.Default.MessageUpdated,
            $$"""{"sequence":43,"id":"{{Message}}","conversation_id":"{{Conversation}}","content":"new","edited_at":"2026-11-22T22:48:46.834567Z"}"""),
        Case(
            CampfireJsonContext.Default.MessageDeleted,
            $$"""{"sequence":44,"id":"{{Message}}","conversation_id":"{{Conversation}}","deleted_at":"2026-11-22T22:48:46.834567Z"}"""),
        Case(CampfireJsonContext.Default.ConversationSummary, FullSummary),
        Case(
            CampfireJsonContext.Default.ReadReceipt,
            $$"""{"conversation_id":"{{Conversation}}","participant_type":"agent","participant_id":"a","delivered_through":9,"read_through":7,"updated_at":"2026-11-22T22:48:46.834567Z"}"""),
        Case(
            CampfireJsonContext.Default.TypingNotice,
            $$"""{"conversation_id":"{{Conversation}}","sender_type":"visitor","sender_id":"v-1","sender_name":"Ada"}"""),
        Case(
            CampfireJsonContext.Default.AiResponseDelta,
            $$"""{"conversation_id":"{{Conversation}}","message_id":"{{Message}}","content":"so far"}"""),
        Case(
            CampfireJsonContext.Default.HandoverRequested,
            $$"""{"sequence":45,"conversation_id":"{{Conversation}}","reason":"asked","summary":"wants a refund","requested_at":"2026-11-22T22:48:46.834567Z"}"""),
        Case(
            CampfireJsonContext.Default.HandoverCompleted,
            $$"""{"sequence":46,"conversation_id":"{{Conversation}}","handler_type":"human","handler_id":"a","handler_epoch":4}"""),
        Case(
            CampfireJsonContext.Default.VisitorActivity,
            $$"""{"visitor_id":"{{Message}}","page_url":"https://example.org/?a=1&b=2","page_title":"Home","occurred_at":"2026-11-22T22:48:46.834567Z"}"""),
    ];

    [TestCaseSource(nameof(Payloads))]
    public void Payload_is_written_under_exactly_its_names(JsonTypeInfo type, string json)
    {
        object value = JsonSerializer.Deserialize(json, type)!;

        string written = JsonSerializer.Serialize(value, type);

        Assert.That(Members(written), Is.EquivalentTo(Members(json)));
    }

    [TestCaseSource(nameof(Payloads))]
    public void Unknown_properties_are_ignored(JsonTypeInfo type, string json)
    {
        string extended = """{"new_property":{"deep":[1,{"sequence":7}]},""" + json[1..^1] + ""","another":null}""";

        string written = JsonSerializer.Serialize(JsonSerializer.Deserialize(extended, type)!, type);

        Assert.That(Members(written), Is.EquivalentTo(Members(json)));
    }

    [TestCaseSource(nameof(Payloads))]
    public void Payload_of_null_or_another_type_is_an_error(JsonTypeInfo type, string json)
    {
        Assert.That(json, Is.Not.Empty);
        foreach (string wrong in new[] { "", "null", "[]", "1", "\"text\"", "true", "{", json[..^1], json + "x" })
            Assert.That(() => JsonSerializer.Deserialize(wrong, type) ?? throw new JsonException("null"), Throws.InstanceOf<JsonException>(), wrong);
    }

    [Test]
    public void Message_is_read_to_the_microsecond_and_with_all_its_parts()
    {
        MessageCreated message = Read<MessageCreated>(EventNames.MessageCreated, FullMessage);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(message.Name, Is.EqualTo("message:created"));
            Assert.That(message.Sequence, Is.EqualTo(42));
            Assert.That(message.Id, Is.EqualTo(Guid.Parse(Message)));
            Assert.That(message.ConversationId, Is.EqualTo(Guid.Parse(Conversation)));
            Assert.That(message.OrganizationId, Is.EqualTo(Guid.Parse(Org)));
            Assert.That(message.Content, Is.EqualTo("Grüße 😀 \"<b>\""));
            Assert.That(message.SenderType, Is.EqualTo(SenderType.Visitor));
            Assert.That(message.SenderId, Is.EqualTo("v-1"));
            Assert.That(message.SenderName, Is.EqualTo("Ada"));
            Assert.That(message.SenderEmail, Is.EqualTo("ada@example.org"));
            Assert.That(message.Attachments.Single(), Is.EqualTo(new MessageAttachment
            {
                Id = Guid.Parse(Org), FileName = "a.png", ContentType = "image/png", SizeBytes = 5_000_000_000, StoragePath = "x/a.png",
            }));
            Assert.That(message.Metadata!.Value.GetRawText(), Is.EqualTo("""{"k":[1]}"""));
            Assert.That(message.CreatedAt, Is.EqualTo(new DateTimeOffset(2026, 11, 22, 22, 48, 46, 834, 567, TimeSpan.Zero)));
            Assert.That(message.CreatedAt.Offset, Is.EqualTo(TimeSpan.Zero));
        }
    }

    [Test]
    public void Conversation_is_read_with_all_its_parts()
    {
        Assert.That(PayloadReader.TryReadConversation(Encoding.UTF8.GetBytes(FullSummary), out ConversationSummary? summary, out string? error), Is.True, error);

        Assert.That(summary, Is.EqualTo(new ConversationSummary
        {
            Id = Guid.Parse(Conversation),
            OrganizationId = Guid.Parse(Org),
            VisitorId = Guid.Parse(Message),
            CustomerName = "Ada",
            CustomerEmail = "ada@example.org",
            Status = ConversationStatus.Assigned,
            Priority = ConversationPriority.Urgent,
            AssignedAgentId = Guid.Parse(Message),
            HandlerType = HandlerType.Human,
            HandlerId = "h",
            HandlerEpoch = 3,
            HandoverRequestedAt = new DateTimeOffset(2026, 11, 22, 22, 48, 45, TimeSpan.Zero),
            Version = 17,
            LastSequence = 42,
            LastMessagePreview = "Grüße",
            LastMessageAt = new DateTimeOffset(2026, 11, 22, 22, 48, 46, 0, 1, TimeSpan.Zero),
            LastMessageSenderType = SenderType.Ai,
            CreatedAt = new DateTimeOffset(2026, 11, 22, 0, 0, 0, TimeSpan.Zero),
            UpdatedAt = new DateTimeOffset(2026, 11, 22, 22, 48, 46, 834, 567, TimeSpan.Zero),
        }));
    }

    [TestCase("2026-11-22T22:48:46.834567Z")]
    [TestCase("2026-11-22T22:48:46.834567+00:00")]
    [TestCase("2026-11-23T00:48:46.834567+02:00")]
    [TestCase("2026-11-22T17:18:46.834567-05:30")]
    public void Time_of_any_offset_is_the_same_instant_in_UTC(string time)
    {
        MessageCreated message = Read<MessageCreated>(EventNames.MessageCreated, FullMessage.Replace("2026-11-22T22:48:46.834567Z", time, StringComparison.Ordinal));

        Assert.That(message.CreatedAt, Is.EqualTo(new DateTimeOffset(2026, 11, 22, 22, 48, 46, 834, 567, TimeSpan.Zero)));
        Assert.That(message.CreatedAt.Offset, Is.EqualTo(TimeSpan.Zero));
    }

    [TestCase("2026-11-22T22:48:46.834567")]
    [TestCase("2026-11-22")]
    [TestCase("22.11.2026")]
    [TestCase("")]
    public void Time_without_offset_is_not_guessed(string time) =>
        Assert.That(
            () => JsonSerializer.Deserialize(FullMessage.Replace("2026-11-22T22:48:46.834567Z", time, StringComparison.Ordinal), CampfireJsonContext.Default.MessageCreated),
            Throws.InstanceOf<JsonException>());

    [TestCase(nameof(SenderType), new[] { "visitor", "agent", "ai", "system" })]
    [TestCase(nameof(ConversationStatus), new[] { "open", "pending", "assigned", "closed", "archived" })]
    [TestCase(nameof(ConversationPriority), new[] { "low", "medium", "high", "urgent" })]
    [TestCase(nameof(HandlerType), new[] { "none", "ai", "human" })]
    public void Enum_is_its_names_in_the_order_of_the_standard(string type, string[] names)
    {
        Type enumType = typeof(SenderType).Assembly.GetType($"Campfire.Realtime.Protocol.{type}", throwOnError: true)!;
        JsonTypeInfo info = CampfireJsonContext.Default.GetTypeInfo(enumType)!;

        Assert.That(Enum.GetValues(enumType).Cast<object>().Select(value => JsonSerializer.Serialize(value, info).Trim('"')), Is.EqualTo(names));
        Assert.That(names.Select(name => JsonSerializer.Deserialize($"\"{name}\"", info)), Is.EqualTo(Enum.GetValues(enumType)));
    }

    [TestCase("0")]
    [TestCase("1")]
    [TestCase("-1")]
    [TestCase("null")]
    [TestCase("\"0\"")]
    [TestCase("\"1\"")]
    [TestCase("\"\"")]
    [TestCase("\"Visitor\"")]
    [TestCase("\"VISITOR\"")]
    [TestCase("\" visitor\"")]
    [TestCase("\"visitor \"")]
    [TestCase("\"visitor,agent\"")]
    [TestCase("\"visitor, agent\"")]
    [TestCase("\"bot\"")]
    [TestCase("\"\\ud800\"")]
    [TestCase("[\"visitor\"]")]
    public void Enum_of_any_other_spelling_is_an_error(string value) =>
        Assert.That(() => JsonSerializer.Deserialize(value, CampfireJsonContext.Default.SenderType), Throws.InstanceOf<JsonException>());

    [Test]
    public void Enum_value_without_name_is_not_written() =>
        Assert.That(() => JsonSerializer.Serialize((SenderType)9, CampfireJsonContext.Default.SenderType), Throws.InstanceOf<JsonException>());

    private static T Read<T>(string name, string json)
        where T : ConversationEvent
    {
        Assert.That(PayloadReader.TryReadConversationEvent(name, Encoding.UTF8.GetBytes(json), out ConversationEvent? result, out string? error), Is.True, error);
        Assert.That(result, Is.TypeOf<T>());
        return (T)result!;
    }

    private static TestCaseData Case<T>(JsonTypeInfo<T> type, string json) => new TestCaseData(type, json).SetArgDisplayNames(typeof(T).Name);

    /// <summary>Each member as name and value: the order within an object says nothing.</summary>
    private static IEnumerable<string> Members(string json)
    {
        using var document = JsonDocument.Parse(json);
        return [.. document.RootElement.EnumerateObject().Select(member => $"{member.Name}={(member.Value.ValueKind is JsonValueKind.String ? member.Value.GetString() : member.Value.GetRawText())}")];
    }
}
