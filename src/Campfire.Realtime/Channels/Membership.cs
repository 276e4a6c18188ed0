using System.Buffers.Text;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Tokens;

namespace Campfire.Realtime.Channels;

/// <summary>One join of a channel on one link, from the push of <c>phx_join</c> to the end.</summary>
internal sealed class Membership(SocketLink link, long joinRef, AccessToken token)
{
    private readonly TaskCompletionSource<Refusal> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private volatile bool _isConfirmed;

    public SocketLink Link { get; } = link;

    public long JoinRef { get; } = joinRef;

    public AccessToken Token { get; } = token;

    public bool IsConfirmed
    {
        get => _isConfirmed;
        set => _isConfirmed = value;
    }

    /// <summary>The last <c>system</c> error: it says why the close that follows it happened. Used by the receive loop only.</summary>
    public string? LastError { get; set; }

    public Task<Refusal> Ended => _ended.Task;

    public void End(Refusal reason) => _ended.TrySetResult(reason);

    public bool HasJoinRef(ReadOnlySpan<byte> digits) =>
        Utf8Parser.TryParse(digits, out long value, out int consumed) && consumed == digits.Length && value == JoinRef;
}
