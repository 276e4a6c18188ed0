using Campfire.Realtime.Chaos.Judging;

namespace Campfire.Realtime.Chaos.Running;

/// <summary>Sends numbered messages into one conversation, each until the database has it.</summary>
internal sealed class Sender(string name, Desk desk, Conversation conversation, int messages)
{
    private int _acknowledged;
    private string? _failure;

    public string Name => name;

    public Desk Desk => desk;

    /// <summary>How many the client said are stored.</summary>
    public int Acknowledged => Volatile.Read(ref _acknowledged);

    /// <summary>How many it is done with, in one way or the other.</summary>
    public int Done => Failure is null ? Acknowledged : messages;

    public string? Failure => Volatile.Read(ref _failure);

    public async Task SendAsync(Pace pace, CancellationToken cancellationToken)
    {
        for (int counter = 1; counter <= messages; counter++)
        {
            await pace.NextAsync(cancellationToken);
            var message = new OutgoingMessage(Judge.Content(name, counter));
            while (true)
            {
                try
                {
                    await conversation.SendMessageAsync(message, cancellationToken);
                    Volatile.Write(ref _acknowledged, counter);
                    break;
                }
                catch (CampfireException e) when (e.IsTransient || e.Code is CampfireErrorCode.OutcomeUnknown)
                {
                    // As an application does after a long outage: the same message again, under its identifier.
                }
                catch (CampfireException e)
                {
                    Volatile.Write(ref _failure, $"{name} could not send {counter}: {e.Code}: {e.Message}");
                    return;
                }
            }
        }
    }
}
