using Campfire.Realtime.Protocol;

namespace Campfire.Realtime.Typing;

/// <summary>Who is typing, from notices that repeat and may be lost: only changes are told, and silence ends it. Not thread-safe.</summary>
internal sealed class TypingRoster(TimeProvider time)
{
    /// <summary>Two notices may be lost before somebody who types seems to have stopped.</summary>
    public static readonly TimeSpan Silence = (2 * TypingPace.Interval) + TimeSpan.FromSeconds(2);

    /// <summary>How long the identifier and the name of somebody who types may be: both are what he says they are.</summary>
    public const int MaxNameLength = 1024;

    private const int MaxTyping = 1_000;

    private readonly Dictionary<(SenderType Type, string Id), (TypingNotice Notice, long Heard)> _typing = [];

    /// <summary>Takes a notice, and says whether it changes anything.</summary>
    public bool Take(TypingNotice notice, bool isTyping)
    {
        (SenderType, string) key = (notice.SenderType, notice.SenderId);
        if (!isTyping)
            return _typing.Remove(key);

        bool isNew = !_typing.ContainsKey(key);
        if (isNew && _typing.Count >= MaxTyping)
            return false;

        _typing[key] = (notice, time.GetTimestamp());
        return isNew;
    }

    /// <summary>Takes out who has been silent for too long.</summary>
    public IReadOnlyList<TypingNotice> TakeSilent()
    {
        List<TypingNotice> silent = [.. _typing.Values.Where(entry => time.GetElapsedTime(entry.Heard) >= Silence).Select(entry => entry.Notice)];
        foreach (TypingNotice notice in silent)
            _typing.Remove((notice.SenderType, notice.SenderId));
        return silent;
    }

    /// <summary>How long until somebody may have been silent for too long, null when nobody types.</summary>
    public TimeSpan? NextSilenceIn
    {
        get
        {
            if (_typing.Count == 0)
                return null;

            TimeSpan left = Silence - _typing.Values.Max(entry => time.GetElapsedTime(entry.Heard));
            return left > TimeSpan.Zero ? left : TimeSpan.Zero;
        }
    }
}
