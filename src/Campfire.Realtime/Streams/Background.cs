namespace Campfire.Realtime.Streams;

/// <summary>Starts the loops of a client.</summary>
internal static class Background
{
    /// <summary>Starts a loop outside of what its caller is in the middle of.</summary>
    /// <remarks>A loop outlives the request that happened to start it, and must not carry that request's activity and other context for ever.</remarks>
    public static Task Run(Func<Task> loop)
    {
        if (ExecutionContext.IsFlowSuppressed())
            return Task.Run(loop);

        using (ExecutionContext.SuppressFlow())
            return Task.Run(loop);
    }
}
