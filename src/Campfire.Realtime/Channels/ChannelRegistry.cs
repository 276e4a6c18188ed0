using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Channels;

/// <summary>Finds a frame's channel by the bytes of its topic, without a string.</summary>
internal sealed class ChannelRegistry : IFrameReceiver
{
    private readonly ConcurrentDictionary<byte[], ChannelSession> _sessions = new(Utf8Comparer.Instance);
    private readonly ConcurrentDictionary<byte[], ChannelSession>.AlternateLookup<ReadOnlySpan<byte>> _byTopic;

    private readonly RealtimeBudget _budget;

    public ChannelRegistry(RealtimeBudget budget)
    {
        _budget = budget;
        _byTopic = _sessions.GetAlternateLookup<ReadOnlySpan<byte>>();
    }

    public IEnumerable<ChannelSession> Sessions => _sessions.Values;

    public bool TryAdd(ChannelSession session) => _sessions.TryAdd(session.Topic, session);

    public void Remove(ChannelSession session) => _sessions.TryRemove(new KeyValuePair<byte[], ChannelSession>(session.Topic, session));

    public void OnFrame(SocketLink link, in Frame frame)
    {
        _budget.Count();
        if (_byTopic.TryGetValue(frame.Topic, out ChannelSession? session))
            session.OnFrame(link, frame);
    }

    private sealed class Utf8Comparer : IEqualityComparer<byte[]>, IAlternateEqualityComparer<ReadOnlySpan<byte>, byte[]>
    {
        public static Utf8Comparer Instance { get; } = new();

        public byte[] Create(ReadOnlySpan<byte> alternate) => alternate.ToArray();

        public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

        public bool Equals(ReadOnlySpan<byte> alternate, byte[] other) => alternate.SequenceEqual(other);

        public int GetHashCode([DisallowNull] byte[] obj) => GetHashCode(obj.AsSpan());

        public int GetHashCode(ReadOnlySpan<byte> alternate)
        {
            var hash = default(HashCode);
            hash.AddBytes(alternate);
            return hash.ToHashCode();
        }
    }
}
