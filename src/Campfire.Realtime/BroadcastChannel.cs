using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using System.Threading.Channels;
using Campfire.Realtime.Channels;
using Campfire.Realtime.Protocol;
using Campfire.Realtime.Protocol.Wire;
using Campfire.Realtime.Streams;

namespace Campfire.Realtime;

/// <summary>Any channel of the naming standard, as Supabase Realtime delivers it: in order, but without a log to recover from.</summary>
/// <remarks>Thread-safe. For a conversation's events use <see cref="Conversation"/>, which loses nothing.</remarks>
public sealed class BroadcastChannel : IAsyncDisposable
{
    private readonly ChannelSession _session;
    private readonly SingleReaderStream<ChannelBroadcast> _broadcasts;
    private readonly TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private long _missed;
    private int _isDisposed;

    internal BroadcastChannel(ChannelName name, ChannelServices services)
    {
        Name = name;
        _broadcasts = new SingleReaderStream<ChannelBroadcast>(
            services.Options.EventBufferSize, BoundedChannelFullMode.DropOldest, _ => Interlocked.Increment(ref _missed));
        _session = new ChannelSession(name, this, new Sink(this), isPresenceEnabled: false, services);
    }

    /// <summary>Gets the channel's name.</summary>
    public ChannelName Name { get; }

    /// <summary>Gets whether the channel is joined at the moment.</summary>
    public bool IsLive => _session.IsJoined;

    /// <summary>Gets how many events were dropped because the reader did not keep up with <see cref="CampfireClientOptions.EventBufferSize"/>.</summary>
    public long MissedCount => Interlocked.Read(ref _missed);

    /// <summary>Reads the channel's events from the join on. One reader at a time; a slow one misses the oldest.</summary>
    /// <param name="cancellationToken">Ends the reading; a later call goes on where this one stopped.</param>
    /// <exception cref="CampfireException">The right to read the channel is gone.</exception>
    public IAsyncEnumerable<ChannelBroadcast> ReadAsync(CancellationToken cancellationToken = default) => _broadcasts.ReadAsync(cancellationToken);

    /// <summary>Sends an event to the channel's other members. Only typing channels accept events from clients.</summary>
    /// <typeparam name="T">The payload's type.</typeparam>
    /// <param name="eventName">A name of the form that <see cref="EventNames.IsValid"/> checks.</param>
    /// <param name="payload">The payload.</param>
    /// <param name="type">How to write it, from a source-generated context.</param>
    /// <param name="cancellationToken">Cancels the hand-over to the socket.</param>
    /// <returns>Whether the event was handed to the socket; <see langword="false"/> while the channel is not joined.</returns>
    /// <exception cref="InvalidOperationException">The channel is receive-only.</exception>
    public async ValueTask<bool> SendAsync<T>(string eventName, T payload, JsonTypeInfo<T> type, CancellationToken cancellationToken = default)
    {
        if (Name.Kind is not ChannelKind.ConversationTyping)
            throw new InvalidOperationException($"{Name} is receive-only: what everybody sees there comes from the database. Store a message, or publish from the server.");
        if (!EventNames.IsValid(eventName))
            throw new ArgumentException($"'{eventName}' is no event name; names read {{resource}}:{{action}}[:{{detail}}] in lower case.", nameof(eventName));
        ObjectDisposedException.ThrowIf(Volatile.Read(ref _isDisposed) != 0, this);
        return await _session.TryBroadcastAsync(
            Encoding.UTF8.GetBytes(eventName), JsonSerializer.SerializeToUtf8Bytes(payload, type), cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Leaves the channel and ends its stream. Calling it again waits until it is left.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            await _left.Task.ConfigureAwait(false);
            return;
        }

        try
        {
            await _session.DisposeAsync().ConfigureAwait(false);
            _broadcasts.Complete();
        }
        finally
        {
            _left.SetResult();
        }
    }

    internal Task JoinAsync(CancellationToken cancellationToken) => _session.JoinAsync(cancellationToken);

    private sealed class Sink(BroadcastChannel channel) : IChannelSink
    {
        public void OnBroadcast(in BroadcastView broadcast) => channel._broadcasts.TryWrite(
            new ChannelBroadcast(EventNames.Intern(broadcast.Event), broadcast.Payload.ToArray(), broadcast.IsBinary));

        public void OnPresenceState(ReadOnlySpan<byte> json)
        {
        }

        public void OnPresenceDiff(ReadOnlySpan<byte> json)
        {
        }

        public void OnJoined()
        {
        }

        public void OnDatabaseStreaming()
        {
        }

        public void OnInterrupted(string reason)
        {
        }

        public void OnEnded(CampfireException reason) => channel._broadcasts.Complete(reason);
    }
}
