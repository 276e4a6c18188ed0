using System.Buffers.Binary;

namespace Campfire.Realtime.Benchmarks.Sockets;

// Counts the frames in the bytes of a server, wherever the reads cut them, and looks into none of them.
internal sealed class FrameCounter
{
    private readonly byte[] _header = new byte[10];
    private int _headerLength;
    private long _left;

    public long Frames { get; private set; }

    public void Add(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length > 0)
        {
            if (_left > 0)
            {
                int taken = (int)Math.Min(_left, bytes.Length);
                bytes = bytes[taken..];
                _left -= taken;
                if (_left == 0)
                    Frames++;
                continue;
            }

            _header[_headerLength++] = bytes[0];
            bytes = bytes[1..];
            if (_headerLength < 2 || _headerLength < HeaderLength)
                continue;
            _left = HeaderLength switch
            {
                2 => _header[1],
                4 => BinaryPrimitives.ReadUInt16BigEndian(_header.AsSpan(2)),
                _ => BinaryPrimitives.ReadInt64BigEndian(_header.AsSpan(2)),
            };
            _headerLength = 0;
            if (_left == 0)
                Frames++;
        }
    }

    private int HeaderLength => _header[1] switch { < 126 => 2, 126 => 4, _ => 10 };
}
