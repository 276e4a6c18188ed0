using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Campfire.Realtime.Outbox;

internal enum OutboxFrameKind : byte
{
    Header = 1,
    Added = 2,
    Removed = 3,
}

/// <summary>One whole record of an outbox's file.</summary>
internal readonly record struct OutboxFrame(OutboxFrameKind Kind, ReadOnlyMemory<byte> Payload, int Size);

/// <summary>What was found in an outbox's file.</summary>
/// <param name="Frames">The whole records.</param>
/// <param name="End">Where the last whole record ends: what follows is torn.</param>
/// <param name="DamagedAt">Where a record is unreadable although whole ones follow, or null.</param>
internal sealed record OutboxScan(List<OutboxFrame> Frames, int End, int? DamagedAt);

/// <summary>The records of an outbox's file: mark, kind, length, the first half of a SHA-256 of kind, length and payload, payload.</summary>
/// <remarks>
/// The mark is no UTF-8, so it is never part of the JSON in a payload, and a record cannot be mistaken for something inside another.
/// </remarks>
internal static class OutboxFrames
{
    private const int KindOffset = 2;
    private const int LengthOffset = 3;
    private const int HashOffset = 7;
    private const int HashSize = 16;
    private const int PayloadOffset = HashOffset + HashSize;

    private static ReadOnlySpan<byte> Mark => [0xCA, 0xF1];

    public static byte[] Encode(OutboxFrameKind kind, ReadOnlySpan<byte> payload)
    {
        var frame = new byte[PayloadOffset + payload.Length];
        Mark.CopyTo(frame);
        frame[KindOffset] = (byte)kind;
        BinaryPrimitives.WriteInt32LittleEndian(frame.AsSpan(LengthOffset), payload.Length);
        payload.CopyTo(frame.AsSpan(PayloadOffset));
        Hash(frame, frame.AsSpan(HashOffset, HashSize));
        return frame;
    }

    public static OutboxScan Scan(ReadOnlyMemory<byte> file)
    {
        var frames = new List<OutboxFrame>();
        int? damagedAt = null;
        int end = 0;
        int at = 0;
        while (true)
        {
            while (TryRead(file[at..], out OutboxFrame frame))
            {
                frames.Add(frame);
                end = at += frame.Size;
            }

            // What a crash leaves behind is an end without a whole record behind it. Anything else was damaged later.
            int next = FindWhole(file, at + 1);
            if (next < 0)
                return new OutboxScan(frames, end, damagedAt);
            damagedAt ??= at;
            at = next;
        }
    }

    private static int FindWhole(ReadOnlyMemory<byte> file, int from)
    {
        while (from < file.Length)
        {
            int found = file.Span[from..].IndexOf(Mark);
            if (found < 0)
                return -1;
            if (TryRead(file[(from + found)..], out _))
                return from + found;
            from += found + 1;
        }

        return -1;
    }

    private static bool TryRead(ReadOnlyMemory<byte> bytes, out OutboxFrame frame)
    {
        frame = default;
        ReadOnlySpan<byte> span = bytes.Span;
        if (span.Length < PayloadOffset || !span.StartsWith(Mark))
            return false;

        int length = BinaryPrimitives.ReadInt32LittleEndian(span[LengthOffset..]);
        if (length < 0 || length > span.Length - PayloadOffset)
            return false;

        int size = PayloadOffset + length;
        Span<byte> hash = stackalloc byte[HashSize];
        Hash(span[..size], hash);
        if (!hash.SequenceEqual(span.Slice(HashOffset, HashSize)))
            return false;

        frame = new OutboxFrame((OutboxFrameKind)span[KindOffset], bytes.Slice(PayloadOffset, length), size);
        return true;
    }

    private static void Hash(ReadOnlySpan<byte> frame, Span<byte> destination)
    {
        Span<byte> whole = stackalloc byte[SHA256.HashSizeInBytes];
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(frame[KindOffset..HashOffset]);
        hash.AppendData(frame[PayloadOffset..]);
        hash.GetHashAndReset(whole);
        whole[..HashSize].CopyTo(destination);
    }
}
