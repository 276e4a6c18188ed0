using Microsoft.Extensions.Logging;

namespace Campfire.Realtime.Server.Http;

internal sealed partial class ProblemFilter
{
    [LoggerMessage(2000, LogLevel.Debug, "{Method} {Path} was answered with {Status} {Code}")]
    private partial void RequestRefused(string method, string path, int status, string code);

    [LoggerMessage(2001, LogLevel.Error, "Supabase did not accept the server's request; check Url, the keys and that the migrations are applied")]
    private partial void SupabaseRefused(Exception exception);

    [LoggerMessage(2002, LogLevel.Warning, "Supabase could not be reached")]
    private partial void SupabaseUnavailable(Exception exception);
}
