using System.Security.Cryptography;
using System.Text;
using Campfire.Realtime.Outbox;
using CsCheck;

namespace Campfire.Realtime.Tests.Outbox;

public sealed class OutboxDamageTests : IDisposable
{
    private readonly OutboxFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Test]
    public async Task Every_torn_end_is_cut_at_the_last_whole_record_and_new_messages_follow_it()
    {
        List<OutboxMessage> messages = await _folder.FillAsync(2);
        byte[] whole = await File.ReadAllBytesAsync(_folder.FilePath);
        int last = OutboxFrames.Scan(whole).Frames[^1].Size;
        OutboxMessage next = OutboxFolder.Message("next");
        for (int cut = 1; cut < last; cut++)
        {
            await File.WriteAllBytesAsync(_folder.FilePath, whole[..^cut]);
            await using (FileOutbox outbox = await _folder.OpenAsync())
                await outbox.AddAsync(next);

            Assert.That(OutboxFolder.Keys(await _folder.ReopenAsync()), Is.EqualTo(OutboxFolder.Keys([messages[0], next])), $"{cut} bytes cut");
        }
    }

    [Test]
    public async Task Damage_in_the_middle_is_refused_with_the_files_name_and_salvaged_on_request()
    {
        List<OutboxMessage> messages = await _folder.FillAsync(3);
        byte[] bytes = await File.ReadAllBytesAsync(_folder.FilePath);
        List<OutboxFrame> frames = OutboxFrames.Scan(bytes).Frames;
        bytes[frames[0].Size + frames[1].Size + 40] ^= 1;
        await File.WriteAllBytesAsync(_folder.FilePath, bytes);

        CampfireException? e = Assert.ThrowsAsync<CampfireException>(() => _folder.OpenAsync());
        Assert.That(e!.Code, Is.EqualTo(CampfireErrorCode.OutboxDamaged));
        Assert.That(e.Message, Does.Contain(_folder.FilePath).And.Contain($"byte {frames[0].Size + frames[1].Size}"));
        Assert.That(await File.ReadAllBytesAsync(_folder.FilePath), Is.EqualTo(bytes));

        IReadOnlyList<OutboxMessage> salvaged = await _folder.ReopenAsync(options => options.SalvagesDamage = true);
        Assert.That(OutboxFolder.Keys(salvaged), Is.EqualTo(OutboxFolder.Keys([messages[0], messages[2]])));
        Assert.That(await File.ReadAllBytesAsync(_folder.FilePath + ".damaged"), Is.EqualTo(bytes));
        Assert.That(await _folder.ReopenAsync(), Has.Count.EqualTo(2));
    }

    [Test]
    public async Task Messages_of_an_unknown_owner_are_not_taken_over()
    {
        await _folder.FillAsync(3);
        byte[] bytes = await File.ReadAllBytesAsync(_folder.FilePath);
        bytes[30] ^= 1;
        await File.WriteAllBytesAsync(_folder.FilePath, bytes);

        Assert.That(Assert.ThrowsAsync<CampfireException>(() => _folder.OpenAsync())!.Code, Is.EqualTo(CampfireErrorCode.OutboxDamaged));
        Assert.That(await _folder.ReopenAsync(options => options.SalvagesDamage = true), Is.Empty);
        Assert.That(await File.ReadAllBytesAsync(_folder.FilePath + ".damaged"), Is.EqualTo(bytes));
    }

    [Test]
    public async Task Damaged_file_is_safe_on_the_disk_before_the_original_is_replaced()
    {
        await _folder.FillAsync(3);
        byte[] bytes = await File.ReadAllBytesAsync(_folder.FilePath);
        bytes[^200] ^= 1;
        await File.WriteAllBytesAsync(_folder.FilePath, bytes);
        var disk = new FailingDisk();

        await using FileOutbox outbox = await _folder.OpenAsync(options => options.SalvagesDamage = true, disk);

        Assert.That(disk.Steps.TakeWhile(step => step != "replace outbox"), Is.SupersetOf(["flush outbox.damaged", "flush folder of outbox.damaged"]));
        Assert.That(await File.ReadAllBytesAsync(_folder.FilePath + ".damaged"), Is.EqualTo(bytes));
    }

    // Also when damage is to be salvaged, which would erase what this version cannot read.
    [TestCase(9, 5, "later version")]
    [TestCase(3, 15, "another shape")]
    public async Task Whole_record_that_this_version_cannot_read_is_refused_and_left_as_it_is(int kind, int size, string words)
    {
        await _folder.FillAsync(1);
        byte[] bytes = [.. await File.ReadAllBytesAsync(_folder.FilePath), .. OutboxFrames.Encode((OutboxFrameKind)kind, new byte[size]), 0xCA];
        await File.WriteAllBytesAsync(_folder.FilePath, bytes);

        foreach (bool salvages in new[] { false, true })
        {
            CampfireException? e = Assert.ThrowsAsync<CampfireException>(() => _folder.OpenAsync(options => options.SalvagesDamage = salvages));
            Assert.That((e!.Code, e.Message), Is.EqualTo((CampfireErrorCode.OutboxDamaged, e.Message)));
            Assert.That(e.Message, Does.Contain(words).And.Contain(_folder.FilePath));
        }

        Assert.That(await File.ReadAllBytesAsync(_folder.FilePath), Is.EqualTo(bytes));
    }

    [Test]
    public async Task File_that_was_left_by_a_crash_while_it_was_written_anew_is_ignored()
    {
        List<OutboxMessage> messages = await _folder.FillAsync(2);
        await File.WriteAllBytesAsync(_folder.FilePath + ".new", RandomNumberGenerator.GetBytes(100));

        Assert.That(OutboxFolder.Keys(await _folder.ReopenAsync()), Is.EqualTo(OutboxFolder.Keys(messages)));
        Assert.That(File.Exists(_folder.FilePath + ".new"), Is.False);
    }

    [Test]
    public void Record_inside_of_a_message_is_not_taken_for_one()
    {
        byte[] inner = OutboxFrames.Encode(OutboxFrameKind.Added, OutboxEntry.Encode(OutboxFolder.Message("evil")));
        OutboxMessage outer = OutboxFolder.Message(Encoding.Latin1.GetString(inner));
        byte[] bytes = OutboxFrames.Encode(OutboxFrameKind.Added, OutboxEntry.Encode(outer));
        bytes[8] ^= 1;

        OutboxScan scan = OutboxFrames.Scan(bytes);

        Assert.That((scan.Frames.Count, scan.End, scan.DamagedAt), Is.EqualTo((0, 0, (int?)null)));
    }

    // Truncations, flipped bits, and overwritten and doubled stretches: every whole record before the damage survives, and nothing is made up.
    [Test]
    public void Scan_of_a_damaged_file_finds_all_whole_records_before_the_damage_and_invents_none()
    {
        OutboxMessage[] messages = [.. Enumerable.Range(0, 12).Select(i => OutboxFolder.Message(new string((char)('a' + i), i * 17)))];
        byte[][] records =
        [
            OutboxFrames.Encode(OutboxFrameKind.Header, "{}"u8),
            .. messages.Select(message => OutboxFrames.Encode(OutboxFrameKind.Added, OutboxEntry.Encode(message))),
            .. messages.Take(4).Select(message => OutboxFrames.Encode(OutboxFrameKind.Removed, message.Message.Id.ToByteArray())),
        ];
        byte[] whole = [.. records.SelectMany(record => record)];
        HashSet<string> known = [.. records.Select(Convert.ToHexString)];

        Gen.Select(Gen.Int[0, 3], Gen.Int[0, whole.Length - 1], Gen.Int[1, 64], Gen.Int[0, int.MaxValue]).Sample(
            (kind, at, length, seed) =>
            {
                var bytes = (byte[])whole.Clone();
                var random = new Random(seed);
                switch (kind)
                {
                    case 0:
                        bytes = bytes[..at];
                        break;
                    case 1:
                        bytes[at] ^= (byte)(1 << (seed % 8));
                        break;
                    case 2:
                        random.NextBytes(bytes.AsSpan(at, Math.Min(length, bytes.Length - at)));
                        break;
                    default:
                        bytes = [.. bytes[..at], .. bytes[Math.Max(0, at - length)..]];
                        break;
                }

                OutboxScan scan = OutboxFrames.Scan(bytes);

                int end = 0;
                int before = records.TakeWhile(record => (end += record.Length) <= at).Count();
                bool survives = scan.Frames.Count >= before;
                for (int i = 0; i < scan.Frames.Count; i++)
                {
                    string found = Convert.ToHexString(OutboxFrames.Encode(scan.Frames[i].Kind, scan.Frames[i].Payload.Span));
                    survives &= known.Contains(found) && (i >= before || found == Convert.ToHexString(records[i]));
                }

                return survives;
            },
            iter: 20_000);
    }

    // The same through the front door: opening says what is wrong or yields a prefix, and never anything else.
    [Test]
    public async Task Opening_a_damaged_file_yields_whole_messages_or_a_specific_error()
    {
        List<OutboxMessage> messages = await _folder.FillAsync(6);
        byte[] whole = await File.ReadAllBytesAsync(_folder.FilePath);
        (Guid, Guid, string)[] keys = [.. OutboxFolder.Keys(messages)];
        var random = new Random(5);
        for (int i = 0; i < 400; i++)
        {
            byte[] bytes = i % 2 == 0 ? whole[..random.Next(1, whole.Length)] : (byte[])whole.Clone();
            if (i % 2 != 0)
                bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8));
            await File.WriteAllBytesAsync(_folder.FilePath, bytes);
            try
            {
                (Guid, Guid, string)[] found = [.. OutboxFolder.Keys(await _folder.ReopenAsync())];
                Assert.That(found, Is.EqualTo(keys[..found.Length]));
            }
            catch (CampfireException e)
            {
                Assert.That(e.Code, Is.EqualTo(CampfireErrorCode.OutboxDamaged));
                (Guid, Guid, string)[] found = [.. OutboxFolder.Keys(await _folder.ReopenAsync(options => options.SalvagesDamage = true))];
                Assert.That(found, Is.EqualTo(keys.Where(found.Contains)));
            }
        }
    }
}
