use crate::on_both;

#[test]
fn the_last_value_stays() {
    on_both(|store| async move {
        assert_eq!(store.setting_get("name").await.unwrap(), None);
        store.setting_put("name", "a".to_owned()).await.unwrap();
        store.setting_put("name", "b".to_owned()).await.unwrap();
        assert_eq!(store.setting_get("name").await.unwrap().as_deref(), Some("b"));
    });
}
