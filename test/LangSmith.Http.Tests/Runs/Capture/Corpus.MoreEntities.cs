using System.Data.Common;
using Microsoft.EntityFrameworkCore;

namespace LangSmith.Http.Tests.Runs.Capture;

/// <summary>More of EF Core: what is loaded in parts, where it is held, and that it still loads afterwards; readers of SQLite.</summary>
internal static partial class Corpus
{
    private static IEnumerable<Row> MoreEntities =>
    [
        Json(
            "proxy that loads afterwards", static () => Database.Open(static context => context.Blogs.Single()),
            "{\"id\":1,\"title\":\"blog\"}", static value => ((Blog)((IOwned)value!).Value!).Posts.Count == 1),
        Json(
            "ILazyLoader that loads afterwards", static () => Database.OpenPlain(static context => context.Authors.Single()),
            "{\"id\":1,\"name\":\"author\"}", static value => ((Author)((IOwned)value!).Value!).Books.Count == 1),
        Json(
            "proxies in memory", static () => Database.OpenProxiesInMemory(static context => context.Blogs.ToList()),
            "[{\"id\":1,\"title\":\"blog\"}]"),
        Json(
            "proxy in memory, loaded",
            static () => Database.OpenProxiesInMemory(static context => context.Blogs.Include(static b => b.Posts).Single()),
            "{\"id\":1,\"title\":\"blog\",\"posts\":[{\"id\":1,\"blog\":null,\"text\":\"post\"}]}"),
        Json(
            "proxy, loaded by hand", static () => Database.Open(static context => Loaded(context)),
            "{\"id\":1,\"title\":\"blog\",\"posts\":[{\"id\":1,\"blog\":null,\"text\":\"post\"}]}"),
        Json(
            "proxy's reference, loaded",
            static () => Database.Open(static context => context.Posts.Include(static p => p.Blog).AsNoTracking().Single()), "")
            with
            {
                Json = null,
                IsAsExpected = static json => Parse(json).GetProperty("blog").GetProperty("title").GetString() == "blog",
            },
        Json(
            "proxy in a dictionary",
            static () =>
                Database.Open(static context => new Dictionary<string, object> { ["q"] = "kept", ["b"] = context.Blogs.Single() }),
            "{\"q\":\"kept\",\"b\":{\"id\":1,\"title\":\"blog\"}}"),
        Json(
            "proxy in a tuple", static () => Database.Open(static context => (context.Blogs.Single(), 1)),
            "{\"item1\":{\"id\":1,\"title\":\"blog\"},\"item2\":1}"),
        Json(
            "proxy of a disposed context", static () => Database.Open(static context => OfDisposed(context)),
            "{\"id\":1,\"title\":\"blog\"}"),
        Json(
            "ILazyLoader in a list", static () => Database.OpenPlain(static context => context.Authors.ToList()),
            "[{\"id\":1,\"name\":\"author\"}]"),
        Json(
            "ILazyLoader in a member",
            static () => Database.OpenPlain(static context => new { q = "kept", author = context.Authors.Single() }),
            "{\"q\":\"kept\",\"author\":{\"id\":1,\"name\":\"author\"}}"),
        Json(
            "ILazyLoader in a typed array", static () => Database.OpenPlain(static context => new Author[] { context.Authors.Single() }),
            "[{\"id\":1,\"name\":\"author\"}]"),
        Json(
            "loader as a delegate, in a list", static () => Database.OpenPlain(static context => context.Editors.ToList()),
            "[{\"id\":1,\"name\":\"editor\"}]"),
        Json("proxy's type", static () => Database.Open(static context => context.Blogs.Single().GetType()), "\"Blog\"")
            with { Json = null, IsAsExpected = static json => json is "\"Blog\"" or "\"BlogProxy\"" },
        Expect(
            "entry of the change tracker",
            static () => Database.Open(static context => new { q = "kept", e = context.Entry(context.Blogs.Single()) }),
            static json => json.StartsWith("{\"q\":\"kept\",\"e\":\"EntityEntry", StringComparison.Ordinal)),
        Json("change tracker", static () => Database.Open(static context => context.ChangeTracker), "\"ChangeTracker\""),
        Json("database facade", static () => Database.Open(static context => context.Database), "\"DatabaseFacade\""),
        Expect("local view", static () => Database.Open(static context => context.Blogs.Local), static json => IsName(json)),
        Expect(
            "raw query",
            static () => Database.Open(static context => new { q = "kept", r = context.Blogs.FromSqlRaw("select * from Blogs") }),
            static json => json.StartsWith("{\"q\":\"kept\",\"r\":\"", StringComparison.Ordinal)),
        Expect(
            "split query", static () => Database.Open(static context => context.Blogs.Include(static b => b.Posts).AsSplitQuery()),
            static json => IsName(json)),
        Expect(
            "query in a list",
            static () => Database.Open(static context => new List<IQueryable<Blog>> { context.Blogs.Where(static b => b.Id > 0) }),
            static json => json is "[\"EntityQueryable<Blog>\"]"),
        Expect(
            "query under IEnumerable",
            static () =>
                Database.Open(static context => new { q = "kept", rows = context.Blogs.AsEnumerable().Where(static b => b.Id > 0) }),
            static json => json.StartsWith("{\"q\":\"kept\",\"rows\":\"", StringComparison.Ordinal)),
        Json(
            "DbSet in a member", static () => Database.Open(static context => new { q = "kept", s = context.Blogs }),
            "{\"q\":\"kept\",\"s\":\"InternalDbSet<Blog>\"}"),
        Json(
            "projection",
            static () =>
                Database.Open(static context =>
                    context.Students.OrderBy(static s => s.Id).Select(static s => new { s.Id, s.Name }).Take(2).ToList()),
            "[{\"id\":1,\"name\":\"student 0\"},{\"id\":2,\"name\":\"student 1\"}]"),
        Cut(
            "many to many in a member",
            static () =>
                Database.Open(static context => new { q = "kept", students = context.Students.Include(static s => s.Courses).ToList() }),
            "\"q\":\"kept\"", "student 0"),
        Json(
            "courses without Include",
            static () => Database.OpenPlain(static context => context.Courses.AsNoTracking().OrderBy(static c => c.Id).First()),
            "{\"id\":1,\"name\":\"course 0\",\"students\":[]}"),
        Json(
            "reader with rows",
            static () => Database.Open(static context => context.Read("select 1 union all select 2 union all select 3")),
            "\"SqliteDataReader\"", static value => CountRows(((IOwned)value!).Value) == 3),
        Json(
            "reader that was begun", static () => Database.Open(static context => Begun(context.Read("select 1 union all select 2"))),
            "\"SqliteDataReader\"", static value => CountRows(((IOwned)value!).Value) == 1),
        Json(
            "reader in a list", static () => Database.Open(static context => new List<object> { context.Read("select 1") }),
            "[\"SqliteDataReader\"]", static value => CountRows(((List<object>)((IOwned)value!).Value!)[0]) == 1),
        Json(
            "reader under IEnumerable",
            static () =>
                Database.Open(static context =>
                    new Dictionary<string, System.Collections.IEnumerable> { ["r"] = context.Read("select 1") }),
            "{\"r\":\"SqliteDataReader\"}",
            static value => CountRows(((Dictionary<string, System.Collections.IEnumerable>)((IOwned)value!).Value!)["r"]) == 1),
        Expect(
            "records of a reader",
            static () => Database.Open(static context => context.Read("select 1").Cast<IDataRecordLike>()), static json => IsName(json)),
        Json(
            "DbCommand",
            static () => Database.Open(static context => new { q = "kept", c = context.Database.GetDbConnection().CreateCommand() }),
            "{\"q\":\"kept\",\"c\":\"SqliteCommand\"}"),
        Expect(
            "DbTransaction",
            static () => Database.Open(static context => new { q = "kept", t = context.Database.GetDbConnection().BeginTransaction() }),
            static json => json.StartsWith("{\"q\":\"kept\",\"t\":\"SqliteTransaction\"", StringComparison.Ordinal)),
    ];

    private static Blog Loaded(Database context)
    {
        var blog = context.Blogs.Single();
        context.Entry(blog).Collection(static b => b.Posts).Load();
        return blog;
    }

    private static Blog OfDisposed(Database context)
    {
        var blog = context.Blogs.Single();
        context.Dispose();
        return blog;
    }

    private static DbDataReader Begun(DbDataReader reader)
    {
        reader.Read();
        return reader;
    }

    private static int CountRows(object? value)
    {
        var reader = (DbDataReader)value!;
        var rows = 0;
        while (reader.Read())
            rows++;
        return rows;
    }

    internal interface IDataRecordLike;
}
