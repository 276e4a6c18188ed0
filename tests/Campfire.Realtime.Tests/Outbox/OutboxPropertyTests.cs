using System.Text.Json.Nodes;
using Campfire.Realtime.Tests.Support;

namespace Campfire.Realtime.Tests.Outbox;

public sealed class OutboxPropertyTests
{
    private const int Writers = 4;
    private const int Conversations = 3;
    private const int MessagesOfEach = 24;

    // Requests fail before and after the message was stored, and the client is thrown away in between.
    [Test]
    public async Task Every_message_is_stored_once_and_in_the_order_of_its_writer([Range(1, 6)] int seed)
    {
        using var folder = new OutboxFolder();
        var table = new MessageTable(new Random(seed));
        Guid[] conversations = [.. Enumerable.Range(0, Conversations).Select(_ => Guid.NewGuid())];
        for (int run = 0; run < 3; run++)
        {
            await using FileOutbox outbox = await folder.OpenAsync();
            await using var world = new World(
                options => (options.Outbox, options.ReconnectBaseDelay, options.ReconnectMaxDelay) = (outbox, TimeSpan.FromMilliseconds(1), TimeSpan.FromMilliseconds(5)), isTimeReal: true);
            world.Database.OnCall = table.AnswerAsync;
            await world.ConnectAsync();
            Conversation[] joined = await Task.WhenAll(conversations.Select(id => world.Client.JoinConversationAsync(Guid.NewGuid(), id))).InTime();
            int first = run * MessagesOfEach;
            await Task.WhenAll(Enumerable.Range(0, Writers).Select(writer => Task.Run(() => WriteAsync(writer, first, joined, new Random((seed * 100) + writer))))).InTime();

            // The last run delivers all; the others are cut short.
            if (run == 2)
                await Task.WhenAll(joined.Select(conversation => conversation.SendMessageAsync(new OutgoingMessage("end")))).WaitAsync(TimeSpan.FromSeconds(60));
        }

        foreach (Guid conversation in conversations)
        {
            string[] stored = [.. table.Contents(conversation).Where(content => content != "end")];
            for (int writer = 0; writer < Writers; writer++)
            {
                Assert.That(
                    stored.Where(content => content.StartsWith($"{writer}:", StringComparison.Ordinal)),
                    Is.EqualTo(Enumerable.Range(0, 3 * MessagesOfEach).Select(i => $"{writer}:{i}")));
            }

            Assert.That(stored, Has.Length.EqualTo(3 * MessagesOfEach * Writers));
        }
    }

    private static async Task WriteAsync(int writer, int first, Conversation[] conversations, Random random)
    {
        var calls = new List<Task>();
        for (int i = first; i < first + MessagesOfEach; i++)
        {
            foreach (Conversation conversation in conversations)
            {
                var message = new OutgoingMessage($"{writer}:{i}");
                calls.Add(random.Next(3) == 0 ? conversation.SendMessageAsync(message) : conversation.EnqueueMessageAsync(message));
            }

            if (random.Next(2) == 0)
                await Task.WhenAll(calls);
        }

        await Task.WhenAll(calls);
    }

    private sealed class MessageTable(Random random)
    {
        private readonly Lock _gate = new();
        private readonly Dictionary<string, (string Conversation, string Content, int Sequence)> _messages = [];

        public IEnumerable<string> Contents(Guid conversation)
        {
            lock (_gate)
                return [.. _messages.Values.Where(row => row.Conversation == conversation.ToString()).OrderBy(row => row.Sequence).Select(row => row.Content)];
        }

        public async Task<HttpResponseMessage?> AnswerAsync(string function, JsonObject arguments, CancellationToken cancellationToken)
        {
            if (function != "campfire_send_message")
                return null;

            await Task.Yield();
            var id = (string)arguments["p_id"]!;
            var conversation = (string)arguments["p_conversation_id"]!;
            lock (_gate)
            {
                int fate = random.Next(6);
                if (fate == 0)
                    throw new HttpRequestException("no route");
                if (!_messages.TryGetValue(id, out var row))
                    _messages[id] = row = (conversation, (string)arguments["p_content"]!, _messages.Count + 1);
                if (fate == 1)
                    throw new HttpRequestException("the answer was lost");
                return ScriptedDatabase.Json(new JsonObject
                {
                    ["sequence"] = row.Sequence,
                    ["id"] = id,
                    ["conversation_id"] = row.Conversation,
                    ["organization_id"] = Guid.Empty.ToString(),
                    ["content"] = row.Content,
                    ["sender_type"] = "visitor",
                    ["sender_id"] = "v",
                    ["attachments"] = new JsonArray(),
                    ["created_at"] = "2026-01-02T03:04:05.000000Z",
                }.ToJsonString());
            }
        }
    }
}
