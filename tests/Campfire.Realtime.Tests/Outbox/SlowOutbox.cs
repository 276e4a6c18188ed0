namespace Campfire.Realtime.Tests.Outbox;

// In memory; one of its methods can be held up, whatever its token says.
internal sealed class SlowOutbox : IOutbox
{
    private readonly Lock _gate = new();
    private readonly List<OutboxMessage> _messages = [];
    private readonly TaskCompletionSource _arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private string? _held;

    public string Owner => OutboxFolder.Owner;

    // Completes when the method is held up.
    public Task HoldAsync(string method)
    {
        Volatile.Write(ref _held, method);
        return _arrived.Task;
    }

    public void Release() => _released.TrySetResult();

    public async ValueTask<IReadOnlyList<OutboxMessage>> ReadAsync(CancellationToken cancellationToken = default)
    {
        await PassAsync(nameof(ReadAsync));
        lock (_gate)
            return [.. _messages];
    }

    public async ValueTask<bool> AddAsync(OutboxMessage message, CancellationToken cancellationToken = default)
    {
        await PassAsync(nameof(AddAsync));
        lock (_gate)
        {
            if (_messages.Exists(known => known.Message.Id == message.Message.Id))
                return false;
            _messages.Add(message);
            return true;
        }
    }

    public async ValueTask RemoveAsync(Guid messageId, CancellationToken cancellationToken = default)
    {
        await PassAsync(nameof(RemoveAsync));
        lock (_gate)
            _messages.RemoveAll(known => known.Message.Id == messageId);
    }

    private async Task PassAsync(string method)
    {
        if (Volatile.Read(ref _held) != method)
            return;
        _arrived.TrySetResult();
        await _released.Task;
    }
}
