using Npgsql;

namespace Campfire.Realtime.Migrations.Tests.Support;

internal static class Refusal
{
    public static async Task AssertAsync(Func<Task> action, string sqlState, string? code = null)
    {
        PostgresException? refusal = null;
        try
        {
            await action();
        }
        catch (PostgresException exception)
        {
            refusal = exception;
        }

        Assert.That(refusal, Is.Not.Null, "nothing was refused");
        Assert.That(refusal!.SqlState, Is.EqualTo(sqlState), refusal.MessageText);
        if (code is not null)
        {
            Assert.That(refusal.MessageText, Is.EqualTo(code));
            Assert.That(refusal.Detail, Is.Not.Null.And.Not.Empty);
            Assert.That(refusal.Hint, Is.Not.Null.And.Not.Empty);
        }
    }

    // "ok", or the SQLSTATE that refused.
    public static async Task<string> OutcomeAsync(Func<Task> action)
    {
        try
        {
            await action();
            return "ok";
        }
        catch (PostgresException refusal)
        {
            return refusal.SqlState;
        }
    }
}
