using System.Text.Json;
using Campfire.Realtime.Protocol;

namespace Campfire.Realtime.Tests.Outbox;

public sealed class FileOutboxTests : IDisposable
{
    private readonly OutboxFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Test]
    public async Task Messages_are_there_in_order_after_the_file_is_opened_again()
    {
        List<OutboxMessage> messages = await _folder.FillAsync(20);

        Assert.That(OutboxFolder.Keys(await _folder.ReopenAsync()), Is.EqualTo(OutboxFolder.Keys(messages)));
    }

    [Test]
    public async Task Message_keeps_attachments_and_metadata()
    {
        var message = new OutgoingMessage("a\u0000b \ud83d\udd25")
        {
            Attachments = [new MessageAttachment { FileName = "a.png", ContentType = "image/png", SizeBytes = 3, StoragePath = "x/a.png" }],
            Metadata = JsonDocument.Parse($$"""{"deep":{{new string('[', 500)}}{{new string(']', 500)}},"n":1.50}""", new JsonDocumentOptions { MaxDepth = 1_000 }).RootElement,
        };
        await using (FileOutbox outbox = await _folder.OpenAsync())
            await outbox.AddAsync(new OutboxMessage(Guid.NewGuid(), message));

        OutgoingMessage read = (await _folder.ReopenAsync()).Single().Message;

        Assert.Multiple(() =>
        {
            Assert.That((read.Id, read.Content), Is.EqualTo((message.Id, message.Content)));
            Assert.That(read.Attachments, Is.EqualTo(message.Attachments));
            Assert.That(read.Metadata!.Value.GetRawText(), Is.EqualTo(message.Metadata.Value.GetRawText()));
        });
    }

    // The file is written anew from what is held in memory.
    [Test]
    public async Task Message_does_not_change_with_what_the_application_made_it_of()
    {
        var files = new List<MessageAttachment> { new() { FileName = "a.png", ContentType = "image/png", SizeBytes = 3, StoragePath = "x/a.png" } };
        OutgoingMessage message;
        using (JsonDocument document = JsonDocument.Parse("""{"n":1.50}"""))
            message = new OutgoingMessage("hello") { Attachments = files, Metadata = document.RootElement };
        var large = OutboxFolder.Message(new string('x', 200_000));
        await using (FileOutbox outbox = await _folder.OpenAsync())
        {
            await outbox.AddAsync(new OutboxMessage(Guid.NewGuid(), message));
            files.Clear();
            await outbox.AddAsync(large);
            await outbox.RemoveAsync(large.Message.Id);
        }

        OutgoingMessage read = (await _folder.ReopenAsync()).Single().Message;
        Assert.That((read.Attachments.Single().FileName, read.Metadata!.Value.GetRawText()), Is.EqualTo(("a.png", """{"n":1.50}""")));
    }

    [Test]
    public void Message_without_what_it_says_it_has_is_wrong_use()
    {
        Assert.Throws<ArgumentNullException>(() => _ = new OutgoingMessage("hello") { Attachments = null! });
        Assert.Throws<ArgumentException>(() => _ = new OutgoingMessage("hello") { Attachments = [null!] });
        Assert.Throws<ArgumentException>(() => _ = new OutgoingMessage("hello") { Metadata = default(JsonElement) });
    }

    [Test]
    public async Task Removed_message_stays_removed()
    {
        List<OutboxMessage> messages = await _folder.FillAsync(3);
        await using (FileOutbox outbox = await _folder.OpenAsync())
        {
            await outbox.RemoveAsync(messages[1].Message.Id);
            await outbox.RemoveAsync(Guid.NewGuid());
        }

        Assert.That(OutboxFolder.Keys(await _folder.ReopenAsync()), Is.EqualTo(OutboxFolder.Keys([messages[0], messages[2]])));
    }

    [Test]
    public async Task Identifier_that_was_removed_may_be_added_again_behind_the_others()
    {
        List<OutboxMessage> messages = await _folder.FillAsync(2);
        await using (FileOutbox outbox = await _folder.OpenAsync())
        {
            await outbox.RemoveAsync(messages[0].Message.Id);
            await outbox.AddAsync(messages[0]);
        }

        Assert.That(OutboxFolder.Keys(await _folder.ReopenAsync()), Is.EqualTo(OutboxFolder.Keys([messages[1], messages[0]])));
    }

    [Test]
    public async Task Same_message_is_accepted_once_and_another_with_its_identifier_is_refused()
    {
        List<OutboxMessage> messages = await _folder.FillAsync(1);
        await using FileOutbox outbox = await _folder.OpenAsync();

        Assert.That(await outbox.AddAsync(messages[0]), Is.False);
        foreach (OutboxMessage other in new[]
        {
            messages[0] with { ConversationId = Guid.NewGuid() },
            messages[0] with { Message = new OutgoingMessage("other") { Id = messages[0].Message.Id } },
        })
        {
            Assert.That(Assert.ThrowsAsync<CampfireException>(async () => await outbox.AddAsync(other))!.Code, Is.EqualTo(CampfireErrorCode.Conflict));
        }

        Assert.That(await outbox.ReadAsync(), Has.Count.EqualTo(1));
    }

    [TestCase(3, FileOutboxOptions.DefaultMaxBytes, "hello")]
    [TestCase(10, 3 * 2_300L, "2,000 letters")]
    public async Task Full_outbox_accepts_again_what_was_delivered(int maxMessages, long maxBytes, string content)
    {
        content = content.PadRight(content == "hello" ? 5 : 2_000);
        await using FileOutbox outbox = await _folder.OpenAsync(options => (options.MaxMessages, options.MaxBytes) = (maxMessages, maxBytes));
        var first = OutboxFolder.Message(content);
        await outbox.AddAsync(first);
        await outbox.AddAsync(OutboxFolder.Message(content));
        await outbox.AddAsync(OutboxFolder.Message(content));

        CampfireException? e = Assert.ThrowsAsync<CampfireException>(async () => await outbox.AddAsync(OutboxFolder.Message(content)));

        Assert.That((e!.Code, e.IsTransient), Is.EqualTo((CampfireErrorCode.OutboxFull, true)));
        await outbox.RemoveAsync(first.Message.Id);
        await outbox.AddAsync(OutboxFolder.Message(content));
    }

    [Test]
    public async Task File_is_written_anew_when_most_of_it_is_dead()
    {
        var kept = OutboxFolder.Message("kept");
        long largest = 0;
        await using (FileOutbox outbox = await _folder.OpenAsync())
        {
            await outbox.AddAsync(kept);
            for (int i = 0; i < 300; i++)
            {
                var message = OutboxFolder.Message(new string('x', 2_000));
                await outbox.AddAsync(message);
                await outbox.RemoveAsync(message.Message.Id);
                largest = Math.Max(largest, new FileInfo(_folder.FilePath).Length);
            }
        }

        Assert.Multiple(async () =>
        {
            Assert.That(largest, Is.LessThan(100_000));
            Assert.That(File.Exists(_folder.FilePath + ".new"), Is.False);
            Assert.That(OutboxFolder.Keys(await _folder.ReopenAsync()), Is.EqualTo(OutboxFolder.Keys([kept])));
        });
    }

    [Test]
    public async Task Second_opening_is_refused_until_the_first_is_disposed()
    {
        FileOutbox first = await _folder.OpenAsync();

        CampfireException? e = Assert.ThrowsAsync<CampfireException>(() => _folder.OpenAsync());
        Assert.That((e!.Code, e.Message), Is.EqualTo((CampfireErrorCode.OutboxInUse, e.Message)));
        Assert.That(e.Message, Does.Contain(_folder.FilePath));

        await first.DisposeAsync();
        await first.DisposeAsync();
        Assert.ThrowsAsync<ObjectDisposedException>(async () => await first.AddAsync(OutboxFolder.Message()));
        await _folder.ReopenAsync();
    }

    [Test]
    public async Task File_of_another_user_is_refused_and_left_as_it_is()
    {
        await _folder.FillAsync(1);
        byte[] before = await File.ReadAllBytesAsync(_folder.FilePath);

        Assert.That(
            Assert.ThrowsAsync<CampfireException>(() => _folder.OpenAsync(options => (options.Owner, options.SalvagesDamage) = ("user-2", true)))!.Code,
            Is.EqualTo(CampfireErrorCode.WrongUser));

        Assert.That(await File.ReadAllBytesAsync(_folder.FilePath), Is.EqualTo(before));
    }

    [Test]
    public async Task File_that_is_no_outbox_is_refused_and_left_as_it_is()
    {
        await File.WriteAllTextAsync(_folder.FilePath, "my diary");

        Assert.That(Assert.ThrowsAsync<CampfireException>(() => _folder.OpenAsync())!.Code, Is.EqualTo(CampfireErrorCode.OutboxDamaged));

        Assert.That(await File.ReadAllTextAsync(_folder.FilePath), Is.EqualTo("my diary"));
    }

    [Test]
    [Platform(Exclude = "Win")]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public async Task File_can_be_read_by_its_owner_only_also_after_it_was_copied_or_written_anew()
    {
        await _folder.FillAsync(1);
        File.SetUnixFileMode(_folder.FilePath, (UnixFileMode)0b110_110_110);
        await using FileOutbox outbox = await _folder.OpenAsync();
        Assert.That(File.GetUnixFileMode(_folder.FilePath), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));

        var large = OutboxFolder.Message(new string('x', 200_000));
        await outbox.AddAsync(large);
        await outbox.RemoveAsync(large.Message.Id);

        Assert.That(new FileInfo(_folder.FilePath).Length, Is.LessThan(2_000));
        Assert.That(File.GetUnixFileMode(_folder.FilePath), Is.EqualTo(UnixFileMode.UserRead | UnixFileMode.UserWrite));
    }

    [Test]
    public async Task Many_writers_at_once_lose_nothing()
    {
        OutboxMessage[] messages = [.. Enumerable.Range(0, 200).Select(i => OutboxFolder.Message($"{i}"))];
        await using (FileOutbox outbox = await _folder.OpenAsync())
        {
            await Parallel.ForEachAsync(messages, async (message, cancellationToken) =>
            {
                await outbox.AddAsync(message, cancellationToken);
                if (message.Message.Content.EndsWith('7'))
                    await outbox.RemoveAsync(message.Message.Id, cancellationToken);
            });
        }

        Assert.That(
            OutboxFolder.Keys(await _folder.ReopenAsync()), Is.EquivalentTo(OutboxFolder.Keys(messages.Where(message => !message.Message.Content.EndsWith('7')))));
    }

    [TestCase(null, "user")]
    [TestCase("file", " ")]
    public void Missing_option_is_wrong_use(string? path, string? owner) =>
        Assert.ThrowsAsync<ArgumentException>(() => FileOutbox.OpenAsync(new FileOutboxOptions { Path = path, Owner = owner }));
}
