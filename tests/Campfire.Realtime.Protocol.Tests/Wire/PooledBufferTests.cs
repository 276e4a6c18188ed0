using System.Buffers;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Protocol.Tests.Wire;

[Parallelizable(ParallelScope.All)]
internal sealed class PooledBufferTests
{
    [Test]
    public void Written_bytes_survive_growth()
    {
        byte[] expected = [.. Enumerable.Range(0, 100_000).Select(i => (byte)i)];
        using var buffer = new PooledBuffer(16);

        foreach (byte[] chunk in expected.Chunk(777))
            buffer.Write(chunk);

        Assert.That(buffer.Length, Is.EqualTo(expected.Length));
        Assert.That(buffer.Written.ToArray(), Is.EqualTo(expected));
    }

    [Test]
    public void Room_is_at_least_what_was_asked_for()
    {
        using var buffer = new PooledBuffer(16);

        Assert.That(buffer.GetSpan(5_000_000).Length, Is.GreaterThanOrEqualTo(5_000_000));
        Assert.That(buffer.GetMemory().IsEmpty, Is.False);
    }

    [Test]
    public void Clear_starts_again_from_the_first_byte()
    {
        using var buffer = new PooledBuffer();
        buffer.Write("before"u8);
        buffer.Clear();
        buffer.Write("now"u8);

        Assert.That(buffer.Written.ToArray(), Is.EqualTo("now"u8.ToArray()));
    }

    [Test]
    public void Advance_beyond_the_room_is_refused()
    {
        using var buffer = new PooledBuffer(16);
        int room = buffer.GetSpan().Length;

        Assert.That(() => buffer.Advance(room + 1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => buffer.Advance(-1), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void Second_dispose_does_nothing()
    {
        var buffer = new PooledBuffer();
        buffer.Write("bytes"u8);

        buffer.Dispose();
        buffer.Dispose();

        Assert.That(buffer.Length, Is.Zero);
        Assert.That(buffer.Written.IsEmpty, Is.True);
    }
}
