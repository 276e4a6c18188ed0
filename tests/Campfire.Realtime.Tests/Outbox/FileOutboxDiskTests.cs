using System.Text.Json;
using Campfire.Realtime.Protocol;

namespace Campfire.Realtime.Tests.Outbox;

// What is promised is on the disk, and what a disk that fails leaves behind.
public sealed class FileOutboxDiskTests : IDisposable
{
    private readonly OutboxFolder _folder = new();

    public void Dispose() => _folder.Dispose();

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
}
