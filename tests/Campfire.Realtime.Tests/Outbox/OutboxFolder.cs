using Campfire.Realtime.Outbox;
using Campfire.Realtime.TestSupport;

namespace Campfire.Realtime.Tests.Outbox;

// A folder with the file of one outbox, which a test opens, closes and damages.
internal sealed class OutboxFolder : IDisposable
{
    public const string Owner = "user-1";

    private readonly TemporaryFolder _folder = new();

    public string FilePath => Path.Combine(_folder.FullPath, "outbox");

    public Task<FileOutbox> OpenAsync(Action<FileOutboxOptions>? configure = null, OutboxDisk? disk = null)
    {
        var options = new FileOutboxOptions { Path = FilePath, Owner = Owner };
        configure?.Invoke(options);
        return FileOutbox.OpenAsync(options, disk ?? new OutboxDisk());
    }

    // What a new process finds.
    public async Task<IReadOnlyList<OutboxMessage>> ReopenAsync(Action<FileOutboxOptions>? configure = null)
    {
        await using FileOutbox outbox = await OpenAsync(configure);
        return await outbox.ReadAsync();
    }

    public async Task<List<OutboxMessage>> FillAsync(int count)
    {
        await using FileOutbox outbox = await OpenAsync();
        var messages = new List<OutboxMessage>();
        for (int i = 0; i < count; i++)
        {
            messages.Add(Message($"message {i} ü \"quoted\""));
            await outbox.AddAsync(messages[^1]);
        }

        return messages;
    }

    public static OutboxMessage Message(string content = "hello", Guid? conversationId = null) =>
        new(conversationId ?? Guid.CreateVersion7(), new OutgoingMessage(content));

    public static IEnumerable<(Guid, Guid, string)> Keys(IEnumerable<OutboxMessage> messages) =>
        messages.Select(message => (message.ConversationId, message.Message.Id, message.Message.Content));

    public void Dispose() => _folder.Dispose();
}
