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

    [Test]
    public async Task Message_counts_as_accepted_only_when_it_is_flushed()
    {
        var disk = new FailingDisk();
        await using FileOutbox outbox = await _folder.OpenAsync(disk: disk);
        int before = disk.Flushes;

        await outbox.AddAsync(OutboxFolder.Message());

        Assert.That(disk.Flushes, Is.EqualTo(before + 1));
    }

    // Records that wait for their flush together may be kept by a loss of power in any selection, and a hole is damage.
    [Test]
    public async Task Removal_is_flushed_before_anything_follows_it()
    {
        List<OutboxMessage> messages = await _folder.FillAsync(3);
        var disk = new FailingDisk();
        await using FileOutbox outbox = await _folder.OpenAsync(disk: disk);
        int before = disk.Flushes;

        await outbox.RemoveAsync(messages[0].Message.Id);
        await outbox.RemoveAsync(messages[1].Message.Id);
        await outbox.AddAsync(OutboxFolder.Message());

        Assert.That((disk.Flushes, disk.MostUnflushed), Is.EqualTo((before + 3, 1)));
    }

    [Test]
    public async Task Removal_that_could_not_be_flushed_has_not_happened_and_may_be_asked_for_again()
    {
        List<OutboxMessage> messages = await _folder.FillAsync(2);
        var disk = new FailingDisk();
        await using (FileOutbox outbox = await _folder.OpenAsync(disk: disk))
        {
            disk.FailsToFlush = true;
            Assert.That(
                Assert.ThrowsAsync<CampfireException>(async () => await outbox.RemoveAsync(messages[0].Message.Id))!.Code, Is.EqualTo(CampfireErrorCode.OutcomeUnknown));
            Assert.That(await outbox.ReadAsync(), Has.Count.EqualTo(2));
            disk.FailsToFlush = false;
            await outbox.RemoveAsync(messages[0].Message.Id);
        }

        Assert.That(OutboxFolder.Keys(await _folder.ReopenAsync()), Is.EqualTo(OutboxFolder.Keys([messages[1]])));
    }

    // Fewer bytes than the record: it is torn, and not there. All of them: nobody knows.
    [TestCase(30, CampfireErrorCode.OutboxUnavailable, 0)]
    [TestCase(null, CampfireErrorCode.OutcomeUnknown, 1)]
    public async Task Message_that_can_neither_be_flushed_nor_taken_back_is_told_by_what_is_known_of_it(int? written, CampfireErrorCode code, int found)
    {
        var disk = new FailingDisk();
        await using (FileOutbox outbox = await _folder.OpenAsync(disk: disk))
        {
            (disk.WritesAtMost, disk.FailsToFlush, disk.FailsToCut) = (written, true, true);
            Assert.That(Assert.ThrowsAsync<CampfireException>(async () => await outbox.AddAsync(OutboxFolder.Message("perhaps")))!.Code, Is.EqualTo(code));
        }

        Assert.That(await _folder.ReopenAsync(), Has.Count.EqualTo(found));
    }

    [Test]
    public async Task Outbox_goes_on_where_it_was_when_its_disk_is_well_again()
    {
        List<OutboxMessage> messages = await _folder.FillAsync(2);
        var disk = new FailingDisk();
        OutboxMessage next = OutboxFolder.Message("next");
        await using (FileOutbox outbox = await _folder.OpenAsync(disk: disk))
        {
            disk.FailsToFlush = disk.FailsToCut = true;
            Assert.ThrowsAsync<CampfireException>(async () => await outbox.AddAsync(OutboxFolder.Message("perhaps")));
            disk.FailsToFlush = disk.FailsToCut = false;

            await outbox.RemoveAsync(messages[0].Message.Id);
            await outbox.AddAsync(next);
        }

        Assert.That(OutboxFolder.Keys(await _folder.ReopenAsync()), Is.EqualTo(OutboxFolder.Keys([messages[1], next])));
    }

    [Test]
    public async Task Nothing_is_accepted_into_a_new_file_before_its_name_is_on_the_disk()
    {
        var disk = new FailingDisk();
        await using FileOutbox outbox = await _folder.OpenAsync(disk: disk);
        disk.FailsToFlushFolder = true;
        for (int i = 0; i < 60 && disk.Count("replace outbox") < 2; i++)
        {
            OutboxMessage message = OutboxFolder.Message(new string('x', 2_000));
            await outbox.AddAsync(message);
            await outbox.RemoveAsync(message.Message.Id);
        }

        Assert.That(disk.Count("replace outbox"), Is.EqualTo(2), "The file was written anew.");
        Assert.That(Assert.ThrowsAsync<CampfireException>(async () => await outbox.AddAsync(OutboxFolder.Message()))!.Code, Is.EqualTo(CampfireErrorCode.OutboxUnavailable));
        disk.FailsToFlushFolder = false;
        int before = disk.Count("flush folder of outbox");
        await outbox.AddAsync(OutboxFolder.Message());
        Assert.That(disk.Count("flush folder of outbox"), Is.EqualTo(before + 1));
    }

    // A process may have been killed between giving the file its name and flushing that.
    [Test]
    public async Task Name_of_a_file_that_was_there_is_flushed_before_the_first_message_is_accepted()
    {
        await _folder.FillAsync(1);
        var disk = new FailingDisk();
        await using FileOutbox outbox = await _folder.OpenAsync(disk: disk);

        await outbox.AddAsync(OutboxFolder.Message());
        await outbox.AddAsync(OutboxFolder.Message());

        Assert.That(disk.Steps, Is.EqualTo(["flush folder of outbox", "write outbox", "flush outbox", "write outbox", "flush outbox"]));
    }

    [Test]
    public async Task Names_of_created_folders_are_flushed()
    {
        var disk = new FailingDisk();
        string path = Path.Combine(Path.GetDirectoryName(_folder.FilePath)!, "a", "b", "outbox");

        await using FileOutbox outbox = await _folder.OpenAsync(options => options.Path = path, disk);

        Assert.That(disk.Steps.Take(2), Is.EqualTo(["flush folder of a", "flush folder of b"]));
    }

    [Test]
    public async Task Failed_writing_anew_leaves_no_second_file_with_messages_behind()
    {
        var disk = new FailingDisk();
        await using FileOutbox outbox = await _folder.OpenAsync(disk: disk);
        await outbox.AddAsync(OutboxFolder.Message("kept"));
        OutboxMessage large = OutboxFolder.Message(new string('x', 200_000));
        await outbox.AddAsync(large);
        disk.FailsToReplace = true;

        await outbox.RemoveAsync(large.Message.Id);

        Assert.That(disk.Count("write outbox.new"), Is.GreaterThan(1));
        Assert.That(File.Exists(_folder.FilePath + ".new"), Is.False);
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(40)]
    public async Task Full_disk_accepts_nothing_by_half(int written)
    {
        List<OutboxMessage> messages = await _folder.FillAsync(2);
        var disk = new FailingDisk();
        OutboxMessage later = OutboxFolder.Message("later");
        await using (FileOutbox outbox = await _folder.OpenAsync(disk: disk))
        {
            disk.WritesAtMost = written;
            CampfireException? e = Assert.ThrowsAsync<CampfireException>(async () => await outbox.AddAsync(OutboxFolder.Message("lost")));
            Assert.That((e!.Code, e.Message), Is.EqualTo((CampfireErrorCode.OutboxUnavailable, e.Message)));
            Assert.That(e.Message, Does.Contain("No space").And.Contain(_folder.FilePath));
            disk.WritesAtMost = null;
            await outbox.AddAsync(later);
        }

        Assert.That(OutboxFolder.Keys(await _folder.ReopenAsync()), Is.EqualTo(OutboxFolder.Keys([.. messages, later])));
    }

    // What the first attempt wrote is not less in the file because the second one got nowhere.
    [Test]
    public async Task Message_of_which_nobody_knows_is_told_so_until_the_disk_is_well()
    {
        var disk = new FailingDisk();
        OutboxMessage perhaps = OutboxFolder.Message("perhaps"), other = OutboxFolder.Message("other");
        await using (FileOutbox outbox = await _folder.OpenAsync(disk: disk))
        {
            disk.FailsToFlush = disk.FailsToCut = true;
            Assert.That(await FailureAsync(perhaps), Is.EqualTo(CampfireErrorCode.OutcomeUnknown));

            Assert.That(await FailureAsync(other), Is.EqualTo(CampfireErrorCode.OutboxUnavailable));
            Assert.That(await FailureAsync(perhaps), Is.EqualTo(CampfireErrorCode.OutcomeUnknown));

            // Now the file is known to be as it was.
            (disk.FailsToFlush, disk.FailsToCut, disk.WritesAtMost) = (false, false, 0);
            Assert.That(await FailureAsync(perhaps), Is.EqualTo(CampfireErrorCode.OutboxUnavailable));

            async Task<CampfireErrorCode?> FailureAsync(OutboxMessage message)
            {
                try
                {
                    await outbox.AddAsync(message);
                    return null;
                }
                catch (CampfireException e)
                {
                    return e.Code;
                }
            }
        }

        Assert.That(await _folder.ReopenAsync(), Is.Empty);
    }

    [Test]
    public async Task Message_that_could_not_be_flushed_is_taken_back()
    {
        List<OutboxMessage> messages = await _folder.FillAsync(2);
        var disk = new FailingDisk();
        await using (FileOutbox outbox = await _folder.OpenAsync(disk: disk))
        {
            // That it was cut again is on the disk no more than that it was written.
            disk.FailsToFlush = true;
            Assert.That(Assert.ThrowsAsync<CampfireException>(async () => await outbox.AddAsync(OutboxFolder.Message("lost")))!.Code, Is.EqualTo(CampfireErrorCode.OutcomeUnknown));
        }

        Assert.That(OutboxFolder.Keys(await _folder.ReopenAsync()), Is.EqualTo(OutboxFolder.Keys(messages)));
    }

    [Test]
    public async Task Outbox_whose_half_record_cannot_be_cut_accepts_nothing_more_and_is_whole_when_opened_again()
    {
        List<OutboxMessage> messages = await _folder.FillAsync(2);
        var disk = new FailingDisk { FailsToCut = true };
        await using (FileOutbox outbox = await _folder.OpenAsync(disk: disk))
        {
            disk.WritesAtMost = 30;
            Assert.ThrowsAsync<CampfireException>(async () => await outbox.AddAsync(OutboxFolder.Message("lost")));
            disk.WritesAtMost = null;

            CampfireException? e = Assert.ThrowsAsync<CampfireException>(async () => await outbox.AddAsync(OutboxFolder.Message("later")));
            Assert.That(e!.Message, Does.Contain("open it again"));
        }

        Assert.That(OutboxFolder.Keys(await _folder.ReopenAsync()), Is.EqualTo(OutboxFolder.Keys(messages)));
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
    public async Task Outbox_goes_on_when_its_file_cannot_be_written_anew()
    {
        var kept = OutboxFolder.Message("kept");
        var disk = new FailingDisk();
        await using (FileOutbox outbox = await _folder.OpenAsync(disk: disk))
        {
            await outbox.AddAsync(kept);
            disk.FailsToReplace = true;
            for (int i = 0; i < 100; i++)
            {
                var message = OutboxFolder.Message(new string('x', 2_000));
                await outbox.AddAsync(message);
                await outbox.RemoveAsync(message.Message.Id);
            }
        }

        Assert.That(new FileInfo(_folder.FilePath).Length, Is.GreaterThan(200_000));
        Assert.That(OutboxFolder.Keys(await _folder.ReopenAsync()), Is.EqualTo(OutboxFolder.Keys([kept])));
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
